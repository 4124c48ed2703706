// Numbers in what is only carried - arguments, schemas, results, metadata - arrive as they were written, whichever side
// has them as an object and whichever as a text.
import { describe, expect, test } from 'vitest';
import { type Cure, isFailure } from '#src/contracts/failure.ts';
import { type PreparedCall, prepareCall } from '#src/protocols/call/prepare-call.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { PROVIDER, prepare } from './prepared-call.ts';
import { PROVIDER_NAMES, type ProviderName, relayContext } from './protocols.ts';

const NUMBERS =
  '"id":2512292042121000001,"huge":1e400,"price":1.0,"tiny":1E-7,"zero":-0,"digits":0.1000000000000000055511151231257827';
const OBJECT = `{${NUMBERS}}`;
const QUOTED = JSON.stringify(OBJECT);
const BOUND = '"maximum":9223372036854775807';
const SCHEMA = `{"type":"object","properties":{"n":{"type":"integer",${BOUND}}}}`;
const MARKED = wrapSignature({ origin: 'anthropic-messages', value: 'x' });

/** A second turn: a tool, its call, its result. `mark` is where a client keeps another provider's signature. */
const REQUESTS: Record<ProviderName, (mark: string) => string> = {
  'openai-chat': (mark) =>
    `{"model":"m","temperature":1.0,"tools":[{"type":"function","function":{"name":"f","parameters":${SCHEMA}}}],"messages":[{"role":"user","content":"hi"},` +
    `{"role":"assistant","content":null${mark && `,"reasoning_details":[{"type":"reasoning.encrypted","data":"${mark}"}]`},"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${QUOTED}}}]},` +
    `{"role":"tool","tool_call_id":"c1","content":${QUOTED}}]}`,
  'openai-responses': (mark) =>
    `{"model":"m","temperature":1.0,"tools":[{"type":"function","name":"f","parameters":${SCHEMA}}],"input":[{"role":"user","content":"hi"},` +
    `${mark && `{"type":"reasoning","summary":[],"encrypted_content":"${mark}"},`}{"type":"function_call","call_id":"c1","name":"f","arguments":${QUOTED}},{"type":"function_call_output","call_id":"c1","output":${QUOTED}}]}`,
  'anthropic-messages': (mark) =>
    `{"model":"m","max_tokens":99,"temperature":1.0,"tools":[{"name":"f","input_schema":${SCHEMA}}],"messages":[{"role":"user","content":"hi"},` +
    `{"role":"assistant","content":[${mark && `{"type":"thinking","thinking":"a","signature":"${mark}"},`}{"type":"tool_use","id":"c1","name":"f","input":${OBJECT}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":${QUOTED}}]}]}`,
  'gemini-generate-content': (mark) =>
    `{"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":${SCHEMA}}]}],"generationConfig":{"temperature":1.0},"contents":[{"role":"user","parts":[{"text":"hi"}]},` +
    `{"role":"model","parts":[${mark && `{"text":"a","thought":true,"thoughtSignature":"${mark}"},`}{"functionCall":{"name":"f","args":${OBJECT}}}]},{"role":"user","parts":[{"functionResponse":{"name":"f","response":${OBJECT}}}]}]}`,
};

const WHOLE: Record<ProviderName, string> = {
  'openai-chat': `{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":${QUOTED}}}]},"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`,
  'openai-responses': `{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"function_call","id":"fc","call_id":"c1","name":"f","status":"completed","arguments":${QUOTED}}],"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}`,
  'anthropic-messages': `{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"tool_use","id":"c1","name":"f","input":${OBJECT}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":1,"output_tokens":1}}`,
  'gemini-generate-content': `{"candidates":[{"index":0,"content":{"role":"model","parts":[{"functionCall":{"name":"f","args":${OBJECT}}}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2}}`,
};

const event = (name: string, json: string) => `event: ${name}\ndata: ${json}\n\n`;

const STREAMS: Record<ProviderName, string> = {
  'openai-chat':
    `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":${OBJECT}}}]},"finish_reason":null}]}\n\n` +
    'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n',
  'openai-responses':
    event('response.created', '{"type":"response.created","response":{"id":"r","status":"in_progress","model":"m"}}') +
    event(
      'response.output_item.added',
      '{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":""}}',
    ) +
    event('response.completed', `{"type":"response.completed","response":${WHOLE['openai-responses']}}`),
  'anthropic-messages':
    event(
      'message_start',
      '{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}',
    ) +
    event(
      'content_block_start',
      `{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"c1","name":"f","input":${OBJECT}}}`,
    ) +
    event('content_block_stop', '{"type":"content_block_stop","index":0}') +
    event('message_delta', '{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":1}}') +
    event('message_stop', '{"type":"message_stop"}'),
  'gemini-generate-content': `data: ${WHOLE['gemini-generate-content']}\n\n`,
};

/** Texts in JSON have their quotes escaped. */
const plain = (text: string | Buffer) => text.toString().replaceAll('\\', '');

const PAIRS = PROVIDER_NAMES.flatMap((client) => PROVIDER_NAMES.map((vendor) => [client, vendor] as const));

describe.each(PAIRS)('numbers between a client of %s and a provider of %s are exact', (client, vendor) => {
  const expectRequest = (call: PreparedCall) => {
    const sent = plain(call.request.body);
    expect(sent.split(NUMBERS)).toHaveLength(3);
    expect(sent).toContain(BOUND);
  };

  test('of a request', () => expectRequest(prepare(client, vendor, REQUESTS[client](''))));

  test('of a request with the thought of another provider', () => {
    expectRequest(prepare(client, vendor, REQUESTS[client](MARKED)));
  });

  test('of a whole answer', () => {
    const { translation } = prepare(client, vendor, REQUESTS[client](''));
    const { body } = translation.relayBody(Buffer.from(WHOLE[vendor]), relayContext);
    expect(plain(body)).toContain(NUMBERS);
  });

  test('of a stream', () => {
    const { translation } = prepare(client, vendor, REQUESTS[client](''), true);
    const relay = translation.openStream(relayContext);
    const events = new SseSplitter().push(Buffer.from(STREAMS[vendor])).map((each) => relay.accept(each).bytes ?? '');
    expect(plain(events.join('') + (relay.end().bytes?.toString() ?? ''))).toContain(NUMBERS);
  });

  if (client !== vendor) return;
  test('of a corrected request', () => {
    expectRequest(prepare(client, vendor, REQUESTS[client](''), false, ['adapt', 'forget-thoughts']));
  });
});

test('a Responses client gets its schemas as it sent them', () => {
  const body = `{"model":"m","input":"hi","tools":[{"type":"function","name":"f","parameters":${SCHEMA}}]}`;
  const { translation } = prepare('openai-responses', 'openai-chat', body);
  const shown = translation.relayBody(Buffer.from(WHOLE['openai-chat']), relayContext).body.toString();
  expect(shown).toContain(BOUND);
});

test('a seed of 64 bits is unchanged', () => {
  const body = '{"model":"m","seed":9223372036854775807,"prompt":"hi","max_tokens":9007199254740993}';
  const call = prepareCall(findProtocolRoute('openai-completions', ['openai-chat'])!, PROVIDER, {
    ...{ body: Buffer.from(body), upstreamModel: 'm', isStream: false, requestId: 'req_1', acceptedAtMs: 0 },
    ...{ forwardedHeaders: {}, cures: new Set<Cure>() },
  });
  if (isFailure(call)) throw new Error(call.message);
  expect(call.request.body.toString()).toContain('"seed":9223372036854775807');
});

test('metadata of a Chat client becomes texts with all digits', () => {
  const body = '{"model":"m","metadata":{"order":2512292042121000001},"messages":[{"role":"user","content":"hi"}]}';
  expect(prepare('openai-chat', 'openai-responses', body).request.body.toString()).toContain('"2512292042121000001"');
});
