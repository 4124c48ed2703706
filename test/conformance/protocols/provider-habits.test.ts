// What single providers and SDKs do otherwise than the protocol they speak, and what every client gets of it.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#src/protocols/codec.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';
import { prepare, relayStream, relayWhole } from './prepared-call.ts';
import { PROVIDER_NAMES, type ProviderName, readStream, readWhole } from './protocols.ts';

const ASK: Record<ProviderName, string> = {
  'openai-chat': '{"model":"m","messages":[{"role":"user","content":"hi"}]}',
  'openai-responses': '{"model":"m","input":"hi"}',
  'anthropic-messages': '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
  'gemini-generate-content': '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
};

const sse = (...events: (JsonObject | string)[]) =>
  events.map((event) => `data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`).join('');

const chunk = (delta: JsonObject, reason: string | null = null) => ({
  ...{ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' },
  choices: [{ index: 0, delta, finish_reason: reason }],
});

const completion = (message: JsonObject, reason: string) =>
  JSON.stringify({
    ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm' },
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello', ...message }, finish_reason: reason }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });

const gemini = (parts: JsonObject[], finishReason: string, finishMessage?: string) => ({
  candidates: [
    { index: 0, content: { role: 'model', parts }, finishReason, ...(finishMessage ? { finishMessage } : {}) },
  ],
  usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
});

const EMPTY_CALLS: [string, JsonObject, string][] = [
  ['an empty function_call (Snowflake)', { function_call: { name: '', arguments: '' } }, 'stop'],
  ['a function_call of nothing', { function_call: {} }, 'function_call'],
  [
    'empty entries',
    { tool_calls: [{}, { index: 0, id: '', type: 'function', function: { name: '', arguments: '' } }] },
    'tool_calls',
  ],
  ['no entries', { tool_calls: [] }, 'tool_calls'],
];

describe.each(PROVIDER_NAMES)('a client of %s gets no call', (client) => {
  test.each(EMPTY_CALLS)('for %s', (_name, members, reason) => {
    const call = prepare(client, 'openai-chat', ASK[client]);
    const whole = readWhole(client, relayWhole(call, completion(members, reason))).choices[0]!;
    expect(whole.parts).toMatchObject([{ kind: 'text', text: 'Hello' }]);
    expect(whole.finishReason).toBe('stop');

    const deltas = [
      chunk({ content: 'Hel', ...members }),
      chunk({ content: 'lo', ...members }),
      chunk(members, reason),
    ];
    const text = relayStream(prepare(client, 'openai-chat', ASK[client], true), sse(...deltas, '[DONE]'));
    expect(text.indexOf('Hel')).toBeGreaterThan(0);
    const { parts, finishReason } = readStream(client, text).choices[0]!;
    expect(parts).toMatchObject([{ kind: 'text', text: 'Hello' }]);
    expect(finishReason).toBe('stop');
  });

  test('for a call whose name never arrives', () => {
    const nameless = {
      tool_calls: [{ index: 0, id: 'c1', type: 'function', function: { name: '', arguments: '{}' } }],
    };
    if (client === 'openai-chat') return;
    const whole = relayWhole(prepare(client, 'openai-chat', ASK[client]), completion(nameless, 'stop'));
    expect(readWhole(client, whole).choices[0]!.parts).toMatchObject([{ kind: 'text' }]);
    const events = sse(chunk({ content: 'Hello' }), chunk(nameless), chunk({}, 'stop'), '[DONE]');
    const { parts } = readStream(client, relayStream(prepare(client, 'openai-chat', ASK[client], true), events))
      .choices[0]!;
    expect(parts).toMatchObject([{ kind: 'text', text: 'Hello' }]);
  });
});

test('a real call next to an empty one is the only one, and is streamed as it arrives', () => {
  const real = { index: 0, id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } };
  const empty = { function_call: { name: '', arguments: '' } };
  const events = sse(chunk({ tool_calls: [real], ...empty }), chunk(empty, 'tool_calls'), '[DONE]');
  for (const client of PROVIDER_NAMES) {
    const text = relayStream(prepare(client, 'openai-chat', ASK[client], true), events);
    expect(readStream(client, text).choices[0]).toMatchObject({
      parts: [{ kind: 'tool-call', name: 'f' }],
      finishReason: 'tool-calls',
    });
  }
});

describe.each<[ProviderName, string]>([
  [
    'anthropic-messages',
    '{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"},{"type":"tool_use","id":"t","name":"","input":{}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}',
  ],
  [
    'openai-responses',
    '{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"i","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello","annotations":[]}]},{"type":"function_call","id":"f","call_id":"c","name":"","arguments":"{}"}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}',
  ],
  [
    'gemini-generate-content',
    JSON.stringify(gemini([{ text: 'Hello' }, { functionCall: { name: '', args: {} } }, { functionCall: {} }], 'STOP')),
  ],
])('a call without a name from a provider of %s', (vendor, body) => {
  test.each(PROVIDER_NAMES.filter((name) => name !== vendor))('is ignored for a client of %s', (client) => {
    const { parts, finishReason } = readWhole(client, relayWhole(prepare(client, vendor, ASK[client]), body))
      .choices[0]!;
    expect(parts).toMatchObject([{ kind: 'text', text: 'Hello' }]);
    expect(finishReason).toBe('stop');
  });
});

test('empty calls in the history of a Chat client are not sent to providers', () => {
  const turn = {
    role: 'assistant',
    content: 'Hello',
    function_call: { name: '', arguments: '' },
    tool_calls: [{ function: {} }],
  };
  const messages = [{ role: 'user', content: 'hi' }, turn, { role: 'user', content: 'and?' }];
  const body = JSON.stringify({ model: 'm', messages });
  for (const vendor of PROVIDER_NAMES.filter((name) => name !== 'openai-chat')) {
    const sent = prepare('openai-chat', vendor, body).request.body.toString();
    expect(sent).toContain('Hello');
    expect(sent).not.toMatch(/tool_use|function_call|functionCall/);
  }
});

describe('an unknown finish reason', () => {
  const CLEAN: Record<ProviderName, RegExp> = {
    'openai-chat': /"finish_reason":"stop"/,
    'openai-responses': /"status":"completed"/,
    'anthropic-messages': /"stop_reason":"end_turn"/,
    'gemini-generate-content': /"finishReason":"STOP"/,
  };
  const ENDS: [ProviderName, string, string][] = [
    [
      'gemini-generate-content',
      'MODEL_ARMOR',
      JSON.stringify(gemini([{ text: 'Hello' }], 'MODEL_ARMOR', 'Withheld by X.')),
    ],
    [
      'gemini-generate-content',
      'unknown',
      JSON.stringify(gemini([{ text: 'Hello' }], 'REASON_OF_TOMORROW', 'Withheld by X.')),
    ],
    ['openai-chat', 'unknown', completion({}, 'reason_of_tomorrow')],
    [
      'anthropic-messages',
      'unknown',
      '{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello"}],"stop_reason":"reason_of_tomorrow","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}',
    ],
    [
      'openai-responses',
      'unknown',
      '{"id":"r","object":"response","created_at":1,"status":"incomplete","incomplete_details":{"reason":"reason_of_tomorrow"},"model":"m","output":[{"type":"message","id":"i","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}',
    ],
  ];
  const rows = ENDS.flatMap(([vendor, what, body]) =>
    PROVIDER_NAMES.map((client) => [vendor, what, client, body] as const),
  );

  test.each(rows)('of %s (%s) is not a normal stop for a client of %s', (vendor, _what, client, body) => {
    const seen = relayWhole(prepare(client, vendor, ASK[client]), body);
    expect(seen).toContain('Hello');
    if (client !== 'openai-responses') expect(seen).not.toMatch(CLEAN[client]);
    else expect(JSON.parse(seen).status).not.toBe('completed');
  });

  test.each(PROVIDER_NAMES)('is explained to a client of %s with the text of the provider', (client) => {
    const [, , armor] = ENDS[0]!;
    const [, , unknown] = ENDS[1]!;
    expect(relayWhole(prepare(client, 'gemini-generate-content', ASK[client]), armor)).toContain('Withheld by X.');
    expect(relayStream(prepare(client, 'gemini-generate-content', ASK[client], true), `data: ${armor}\n\n`)).toContain(
      'Withheld by X.',
    );
    // Chat Completions has no member for it.
    if (client === 'openai-chat') return;
    expect(relayWhole(prepare(client, 'gemini-generate-content', ASK[client]), unknown)).toContain('Withheld by X.');
    expect(
      relayStream(prepare(client, 'gemini-generate-content', ASK[client], true), `data: ${unknown}\n\n`),
    ).toContain('Withheld by X.');
  });
});

describe('URL-safe base64', () => {
  const [URL_SAFE, STANDARD] = ['-_-_aGk', '+/+/aGk='];
  const BODIES: Record<ProviderName, string[]> = {
    'openai-chat': [
      `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,${URL_SAFE}"}}]}]}`,
      `{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"filename":"a.pdf","file_data":"${URL_SAFE}"}}]}]}`,
    ],
    'openai-responses': [
      `{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,${URL_SAFE}"}]}]}`,
      `{"model":"m","input":[{"role":"user","content":[{"type":"input_file","filename":"a.pdf","file_data":"${URL_SAFE}"}]}]}`,
    ],
    'anthropic-messages': [
      `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"${URL_SAFE}"}}]}]}`,
      `{"model":"m","max_tokens":9,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"${URL_SAFE}"}}]}]}`,
    ],
    'gemini-generate-content': [
      `{"contents":[{"role":"user","parts":[{"inline_data":{"mime_type":"image/png","data":"${URL_SAFE}"}}]}]}`,
      `{"contents":[{"role":"user","parts":[{"inlineData":{"mimeType":"application/pdf","data":"${URL_SAFE}"}}]}]}`,
    ],
  };
  const pairs = PROVIDER_NAMES.flatMap((client) => PROVIDER_NAMES.map((vendor) => [client, vendor] as const));

  test.each(pairs.filter(([client, vendor]) => client !== vendor))(
    'from a client of %s becomes standard base64 for a provider of %s',
    (client, vendor) => {
      for (const body of BODIES[client]) {
        const sent = prepare(client, vendor, body).request.body.toString();
        expect(sent).toContain(STANDARD);
        expect(sent).not.toContain(URL_SAFE);
      }
    },
  );
});

describe('a signature that is known when its call begins', () => {
  const part = { functionCall: { name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' };

  test('is in the first delta of the call, with its name, and sent once', () => {
    const text = relayStream(
      prepare('openai-chat', 'gemini-generate-content', ASK['openai-chat'], true),
      sse(gemini([part], 'STOP')),
    );
    const deltas = text.split('\n\n').filter((event) => event.includes('"tool_calls":['));
    expect(deltas[0]).toContain('"name":"f"');
    expect(deltas[0]).toContain(wrapSignature({ origin: 'gemini-generate-content', value: 'c2ln' }));
    expect(text.split('extra_content')).toHaveLength(2);
  });

  test('reaches a client of Messages even if the call arrives in pieces', () => {
    const first = {
      index: 0,
      id: 'c1',
      type: 'function',
      function: { name: 'f', arguments: '' },
      extra_content: { google: { thought_signature: 'c2ln' } },
    };
    const more = ['{"a"', ':1', '}'].map((text) =>
      chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] }),
    );
    const events = sse(chunk({ tool_calls: [first] }), ...more, chunk({}, 'tool_calls'), '[DONE]');
    const text = relayStream(prepare('anthropic-messages', 'openai-chat', ASK['anthropic-messages'], true), events);
    expect(text.indexOf(wrapSignature({ origin: 'gemini-generate-content', value: 'c2ln' }))).toBeGreaterThan(0);
  });
});
