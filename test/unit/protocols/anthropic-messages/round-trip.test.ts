// Anthropic to Anthropic through the canonical form: nothing that both sides support is lost.
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import {
  anthropicMessagesProvider,
  messagesClientCodec,
  messagesProviderCodec,
} from '#src/protocols/anthropic-messages/protocol.ts';
import type { EncodeContext, JsonObject } from '#src/protocols/codec.ts';
import { createTranslation } from '#src/protocols/translate/translate-answer.ts';
import { translateRequest } from '#src/protocols/translate/translate-request.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures } from '#test/fixtures/protocols/anthropic-messages.ts';

const pair = { client: messagesClientCodec, upstream: messagesProviderCodec };

function throughCanonical(body: JsonObject, upstreamModel: string) {
  const translated = translateRequest(pair, {
    body,
    provider: 'anthropic',
    providerProtocol: 'anthropic-messages',
    upstreamModel,
    isStream: false,
    canReportStreamUsage: true,
  });
  if (isFailure(translated)) throw new Error(translated.message);
  return translated;
}

/** Texts and lists of one text are one thing to Anthropic. */
function inFull(body: JsonObject): JsonObject {
  const blocks = (content: unknown) => (typeof content === 'string' ? [{ type: 'text', text: content }] : content);
  const messages = body.messages as { role: string; content: unknown }[];
  return {
    ...body,
    messages: messages.map(({ role, content }) => ({
      role,
      content: (blocks(content) as JsonObject[]).map((block) =>
        block.type === 'tool_result' ? { ...block, content: blocks(block.content) } : block,
      ),
    })),
  };
}

/** The only model that accepts both sampling parameters and the newer ones. */
const MODELS: Record<string, string> = { sampling: 'claude-opus-4-6' };

describe.each(Object.entries(fixtures.requests))('the request %s', (name, request) => {
  test('is unchanged', () => {
    const model = MODELS[name] ?? 'claude-opus-5';
    const { body, dropped } = throughCanonical(request, model);
    const expected = inFull({ ...request, model });
    if (name === 'sampling') delete expected.top_p;
    expect(inFull(body)).toEqual(expected);
    expect(dropped).toEqual(name === 'sampling' ? ['top_p'] : []);
  });
});

const shown = { cost: '0.1', charge: '0.2' };
const context: EncodeContext = { requestId: 'req_1', createdAt: 0, clientBody: {}, usageDelivery: 'own-event' };
const withoutNulls = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, member) => (member === null ? undefined : member)));

/** Only Anthropic knows the position of a citation in its own index. */
const answers = Object.entries(fixtures.answers).filter(([name]) => name !== 'citations');

describe.each(answers)('the answer %s', (_name, { whole, stream }) => {
  const expected = withoutNulls({ ...whole, id: 'msg_1', usage: { ...(whole.usage as object), cost: 0.1 }, cost: 0.2 });

  test('whole', () => {
    const answer = messagesProviderCodec.decodeAnswer(whole, { requestId: 'req_1' });
    if (isFailure(answer)) throw new Error(answer.message);
    const text = messagesClientCodec.encodeAnswer(answer, answer.usage ?? NO_USAGE, shown, context);
    expect(withoutNulls(JSON.parse(text))).toEqual(expected);
  });

  test('streamed, for every split of its bytes', () => {
    const translate = (cut: number) => {
      const relay = createTranslation(pair, context, { requestId: 'req_1' }).openStream({
        usageDelivery: 'own-event',
        choices: 1,
        estimatedInputTokens: 1,
        priceUsage: () => shown,
      });
      const bytes = Buffer.from(stream);
      const splitter = new SseSplitter();
      const events = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))];
      const results = [...events.map((event) => relay.accept(event)), relay.end()];
      expect(results.find(({ failure }) => failure !== undefined)).toBeUndefined();
      return results.map(({ bytes: out }) => out?.toString() ?? '').join('');
    };
    const text = translate(stream.length);
    for (let cut = 1; cut < stream.length; cut++) expect(translate(cut)).toBe(text);
    expect(text.endsWith('event: message_stop\ndata: {"type":"message_stop"}\n\n')).toBe(true);
    expect(text).toContain('"cost":0.1},"cost":0.2}');
  });
});

test('the provider’s side', () => {
  const target = { upstreamModel: 'm', isStream: true };
  expect(anthropicMessagesProvider.path({ ...target, operation: 'generate' })).toBe('/v1/messages');
  expect(anthropicMessagesProvider.path({ ...target, operation: 'count-tokens' })).toBe('/v1/messages/count_tokens');
  expect(anthropicMessagesProvider.credentialHeaders('k')).toEqual({ 'x-api-key': 'k' });
  expect(anthropicMessagesProvider.headers).toEqual({ 'anthropic-version': '2023-06-01' });
});

test('a refused field is named as the client calls it', () => {
  const body = { ...fixtures.requests['tool-choice'] } as JsonObject;
  const translated = translateRequest(pair, {
    body,
    provider: 'anthropic',
    providerProtocol: 'anthropic-messages',
    upstreamModel: 'claude-opus-5-5',
    isStream: false,
    canReportStreamUsage: true,
  });
  expect(translated).toMatchObject({ code: 'parameter_unsupported', param: 'tool_choice' });
});
