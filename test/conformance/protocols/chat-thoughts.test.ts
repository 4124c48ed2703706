// The thoughts of a model behind Chat Completions before a call are sent back with that call, in the member in which they
// came, to the same provider and model: through every client, streamed or unstreamed. No other provider gets them.
import { describe, expect, test } from 'vitest';
import { type PreparedCall, prepareCall } from '#src/protocols/call/prepare-call.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { PROVIDER, prepare, relayStream, relayWhole } from './prepared-call.ts';
import type { ProviderName } from './protocols.ts';
import { replayStream, replayWhole } from './replay-answer.ts';

const THOUGHT = 'I should call f.';
const MODEL = 'some-model';

const ASK: Partial<Record<ProviderName, string>> = {
  'openai-responses':
    '{"model":"m","input":"hi","tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]}',
  'anthropic-messages': '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
  'gemini-generate-content': '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
};
const CLIENTS = Object.keys(ASK) as ProviderName[];

const DETAIL = { type: 'reasoning.text', format: 'anthropic-claude-v1', index: 0, text: THOUGHT, signature: 'sig' };

/** Members of the message; the deltas with the same content; what is sent back. */
const FORMS: [string, JsonObject, JsonObject[], JsonObject][] = [
  ['reasoning_content', { reasoning_content: THOUGHT }, pieces('reasoning_content'), { reasoning_content: THOUGHT }],
  ['reasoning', { reasoning: THOUGHT }, pieces('reasoning'), { reasoning: THOUGHT }],
  [
    'reasoning_details',
    { reasoning: THOUGHT, reasoning_details: [DETAIL] },
    [
      { reasoning: 'I should ', reasoning_details: [{ ...DETAIL, text: 'I should ', signature: null }] },
      { reasoning: 'call f.', reasoning_details: [{ ...DETAIL, text: 'call f.', signature: null }] },
      { reasoning_details: [{ ...DETAIL, text: '' }] },
    ],
    { reasoning: THOUGHT, reasoning_details: [DETAIL] },
  ],
];

function pieces(member: string): JsonObject[] {
  return ['I should ', 'call f.'].map((text) => ({ [member]: text }));
}

const CALL = { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } };

const whole = (members: JsonObject) =>
  JSON.stringify({
    ...{ id: 'c', object: 'chat.completion', created: 1, model: MODEL },
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: '', ...members, tool_calls: [CALL] },
        finish_reason: 'tool_calls',
      },
    ],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  });

const stream = (deltas: JsonObject[]) => {
  const events = [...deltas, { tool_calls: [CALL] }, null].map((delta) => {
    const choice = { index: 0, delta: delta ?? {}, finish_reason: delta === null ? 'tool_calls' : null };
    const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: MODEL, choices: [choice] };
    return `data: ${JSON.stringify(chunk)}\n\n`;
  });
  return `${events.join('')}data: [DONE]\n\n`;
};

/** What the provider gets of the assistant's turn. */
function sentBack(
  client: ProviderName,
  body: JsonObject,
  to: { model?: string; provider?: string; isStrict?: boolean } = {},
) {
  const { model = MODEL, provider = PROVIDER.name, isStrict = false } = to;
  const call = prepareCall(
    findProtocolRoute(client, ['openai-chat'])!,
    { ...PROVIDER, name: provider, isStrict },
    {
      ...{ body: Buffer.from(JSON.stringify(body)), upstreamModel: model, isStream: false, requestId: 'req_1' },
      ...{ acceptedAtMs: 0, forwardedHeaders: {}, cures: new Set() },
    },
  ) as PreparedCall;
  const { messages } = JSON.parse(call.request.body.toString()) as { messages: JsonObject[] };
  return messages.find((message) => message.tool_calls !== undefined)!;
}

describe.each(CLIENTS)('by way of a client of %s', (client) => {
  describe.each(FORMS)('a thought in %s', (_name, members, deltas, expected) => {
    const turns = () => ({
      whole: replayWhole(client, JSON.parse(relayWhole(prepare(client, 'openai-chat', ASK[client]!), whole(members)))),
      stream: replayStream(client, relayStream(prepare(client, 'openai-chat', ASK[client]!, true), stream(deltas))),
    });

    test('is returned to its origin', () => {
      for (const body of Object.values(turns())) expect(sentBack(client, body)).toMatchObject(expected);
    });

    test('is not sent to another model, another provider, or a provider that refuses unknown members', () => {
      for (const body of Object.values(turns())) {
        for (const to of [{ model: 'another' }, { provider: 'another' }, { isStrict: true }]) {
          expect(JSON.stringify(sentBack(client, body, to))).not.toMatch(/reasoning|I should/);
        }
      }
    });

    test('is not sent to a provider of another protocol', () => {
      for (const body of Object.values(turns())) {
        for (const vendor of CLIENTS) {
          const sent = prepare(
            client,
            vendor,
            JSON.stringify({ model: 'm', max_tokens: 9, ...body }),
          ).request.body.toString();
          expect(sent).not.toMatch(/I should|sLuIcE/);
        }
      }
    });
  });
});

test('a Gemini client that keeps no thoughts returns them with the call', () => {
  const client = 'gemini-generate-content';
  const [, members, deltas, expected] = FORMS[0]!;
  const bodies = [
    replayWhole(client, JSON.parse(relayWhole(prepare(client, 'openai-chat', ASK[client]!), whole(members)))),
    replayStream(client, relayStream(prepare(client, 'openai-chat', ASK[client]!, true), stream(deltas))),
  ] as { contents: { parts: JsonObject[] }[] }[];
  for (const body of bodies) {
    for (const content of body.contents) content.parts = content.parts.filter((part) => part.thought !== true);
    expect(sentBack(client, body as never)).toMatchObject(expected);
  }
});

describe('members that only answers have, in the history of a Chat client', () => {
  const assistant = {
    ...{ role: 'assistant', content: null, refusal: null, annotations: [], audio: null, function_call: null },
    ...{ reasoning_content: THOUGHT, reasoning: THOUGHT, reasoning_details: [DETAIL], images: [] },
    tool_calls: [{ ...CALL, extra_content: {} }],
  };
  const body = {
    model: 'm',
    messages: [{ role: 'user', content: 'hi' }, assistant, { role: 'tool', tool_call_id: 'call_1', content: 'ok' }],
  };

  test.each([
    ['a provider that is strict', { isStrict: true }],
    ['a model of Mistral’s', { model: 'mistral-large-latest' }],
  ])('is not sent to %s', (_name, to) => {
    expect(Object.keys(sentBack('openai-chat', body, to)).toSorted()).toEqual(['content', 'role', 'tool_calls']);
    const { index: _, ...call } = CALL;
    expect(sentBack('openai-chat', body, to).tool_calls).toEqual([call]);
  });

  test('is sent to all others unchanged', () => {
    expect(sentBack('openai-chat', body)).toEqual(assistant);
  });

  test('a strict provider gets the text of a refusal', () => {
    const messages = [{ role: 'assistant', content: null, refusal: 'No.' }];
    const call = prepareCall(
      findProtocolRoute('openai-chat', ['openai-chat'])!,
      { ...PROVIDER, isStrict: true },
      {
        ...{ body: Buffer.from(JSON.stringify({ model: 'm', messages })), upstreamModel: 'm', isStream: false },
        ...{ requestId: 'req_1', acceptedAtMs: 0, forwardedHeaders: {}, cures: new Set() },
      },
    ) as PreparedCall;
    expect(JSON.parse(call.request.body.toString()).messages).toEqual([{ role: 'assistant', content: 'No.' }]);
  });
});

test('a corrected request keeps the thoughts of its own provider', () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: null, reasoning_content: THOUGHT, tool_calls: [CALL] },
    { role: 'tool', tool_call_id: 'call_1', content: 'ok' },
  ];
  const sent = prepare('openai-chat', 'openai-chat', JSON.stringify({ model: 'm', messages }), false, ['adapt']);
  expect(sent.request.body.toString()).toContain(`"reasoning_content":"${THOUGHT}"`);
});
