// A provider that counts nothing: every client gets the broker's estimate, whole and streamed, marked as one.
import { describe, expect, test } from 'vitest';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { prepare } from './prepared-call.ts';
import { PROVIDER_NAMES, type ProviderName, relayContext, SHOWN } from './protocols.ts';

const ASK: Record<ProviderName, string> = {
  'openai-chat': '{"model":"m","messages":[{"role":"user","content":"hi"}],"stream_options":{"include_usage":true}}',
  'openai-responses': '{"model":"m","input":"hi"}',
  'anthropic-messages': '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}',
  'gemini-generate-content': '{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}',
};

const WHOLE: Record<ProviderName, string> = {
  'openai-chat':
    '{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there"},"finish_reason":"stop"}]}',
  'openai-responses':
    '{"id":"r","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"i","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Hello there","annotations":[]}]}],"usage":null}',
  'anthropic-messages':
    '{"id":"m","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello there"}],"stop_reason":"end_turn","stop_sequence":null}',
  'gemini-generate-content':
    '{"candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"Hello there"}]},"finishReason":"STOP"}]}',
};

const STREAM =
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hello there"},"finish_reason":null}]}\n\n' +
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' +
  'data: [DONE]\n\n';

/** Members with the counts, in the client's protocol, with the text that ends the usage. */
const COUNTED: Record<ProviderName, RegExp> = {
  'openai-chat': /"prompt_tokens":8,"completion_tokens":[1-9][^}]*\}[^}]*\}[^}]*"estimated":true\}/,
  'openai-responses': /"input_tokens":8,[^}]*\},"output_tokens":[1-9][^}]*\}[^}]*"estimated":true\}/,
  'anthropic-messages': /"input_tokens":8,[^}]*"output_tokens":[1-9][^}]*\}[^}]*"estimated":true\}/,
  'gemini-generate-content': /"promptTokenCount":8,"candidatesTokenCount":[1-9][^}]*"estimated":true\}/,
};

const context = {
  ...relayContext,
  priceUsage: ({ isEstimated }: { isEstimated: boolean }) => ({ ...SHOWN, isEstimated }),
};

describe.each(PROVIDER_NAMES)('a client of %s', (client) => {
  test.each(PROVIDER_NAMES)('gets an estimate if a provider of %s counts nothing', (vendor) => {
    const { translation } = prepare(client, vendor, ASK[client]);
    const { body } = translation.relayBody(Buffer.from(WHOLE[vendor]), context);
    expect(body.toString()).toMatch(COUNTED[client]);
  });

  test('gets an estimate at the end of a stream', () => {
    const relay = prepare(client, 'openai-chat', ASK[client], true).translation.openStream(context);
    const events = new SseSplitter().push(Buffer.from(STREAM)).map((event) => relay.accept(event).bytes ?? '');
    expect(events.join('')).toMatch(COUNTED[client]);
  });
});
