// Both sides of every translated protocol, with the fixtures of its format and a way to read its output.
import { expect } from 'vitest';
import type { Answer, AnswerEvent } from '#src/contracts/answer.ts';
import { isFailure } from '#src/contracts/failure.ts';
import type {
  AnswerDecoder,
  ClientCodec,
  DecodeContext,
  EncodeContext,
  JsonObject,
  ProviderCodec,
} from '#src/protocols/codec.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { clientProtocol, findProtocolRoute } from '#src/protocols/registry.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures as anthropicFixtures } from '#test/fixtures/protocols/anthropic-messages.ts';
import { CREATED_AT, MODEL, type ProtocolFixtures } from '#test/fixtures/protocols/fixtures.ts';
import { fixtures as geminiFixtures } from '#test/fixtures/protocols/gemini-generate-content.ts';
import { fixtures as chatFixtures } from '#test/fixtures/protocols/openai-chat.ts';
import { fixtures as responsesFixtures } from '#test/fixtures/protocols/openai-responses.ts';
import { type CollectedAnswer, collectAnswer } from './collect-answer.ts';

export const PROVIDER_NAMES = [
  'openai-chat',
  'openai-responses',
  'anthropic-messages',
  'gemini-generate-content',
] as const;
export type ProviderName = (typeof PROVIDER_NAMES)[number];

/** Dialects of a protocol that have a client's face only. */
export const CLIENT_NAMES = [...PROVIDER_NAMES, 'openai-completions', 'gemini-generate-content-array'] as const;
export type ClientName = (typeof CLIENT_NAMES)[number];

export const FIXTURES: Record<ProviderName, ProtocolFixtures> = {
  'openai-chat': chatFixtures,
  'openai-responses': responsesFixtures,
  'anthropic-messages': anthropicFixtures,
  'gemini-generate-content': geminiFixtures,
};

export const REQUEST_ID = 'req_abc';
export const SHOWN = { cost: '0.5', charge: '0.6' };
export const DECODE_CONTEXT: DecodeContext = { requestId: REQUEST_ID };

export function encodeContext(clientBody: JsonObject = { model: MODEL }): EncodeContext {
  return { requestId: REQUEST_ID, createdAt: CREATED_AT, clientBody, usageDelivery: 'own-event' };
}

export function clientCodec(name: ClientName): ClientCodec {
  const { codec } = clientProtocol(name);
  if (codec === null) throw new Error(`${name} is not translated`);
  return codec;
}

/** Through a client of another protocol, which requires it. */
export function providerCodec(name: ProviderName): ProviderCodec {
  const pair = findProtocolRoute('openai-completions', [name])?.pair;
  if (!pair) throw new Error(`nothing is translated for ${name}`);
  return pair.upstream;
}

/** The format that a client's dialect is written in. */
const FORMAT: Record<ClientName, ProviderName> = {
  'openai-chat': 'openai-chat',
  'openai-completions': 'openai-chat',
  'openai-responses': 'openai-responses',
  'anthropic-messages': 'anthropic-messages',
  'gemini-generate-content': 'gemini-generate-content',
  'gemini-generate-content-array': 'gemini-generate-content',
};

export function readWhole(client: ClientName, text: string): Answer {
  const body = client === 'openai-completions' ? chatOfCompletion(JSON.parse(text)) : JSON.parse(text);
  return decodeWhole(FORMAT[client], body);
}

/** What a client that speaks the protocol makes of the bytes. */
export function readStream(client: ClientName, text: string): CollectedAnswer {
  switch (client) {
    case 'openai-completions': {
      const events = new SseSplitter().push(Buffer.from(text)).map(({ data }) => {
        return `data: ${data === '[DONE]' ? data : JSON.stringify(chatOfCompletion(JSON.parse(data!)))}\n\n`;
      });
      return collectAnswer(decodeStream('openai-chat', events.join('')));
    }
    case 'gemini-generate-content-array': {
      const events = (JSON.parse(text) as unknown[]).map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`);
      return collectAnswer(decodeStream('gemini-generate-content', events.join('')));
    }
    default:
      return collectAnswer(decodeStream(client, text));
  }
}

/** `text` of a choice replaces the message and delta of Chat. */
function chatOfCompletion(completion: JsonObject): JsonObject {
  const choices = (completion.choices as JsonObject[]).map(({ text, logprobs: _older, ...choice }) => ({
    ...choice,
    message: { content: text },
  }));
  return { ...completion, choices };
}

export function decodeWhole(vendor: ProviderName, body: unknown): Answer {
  const answer = providerCodec(vendor).decodeAnswer(body, DECODE_CONTEXT);
  if (isFailure(answer)) throw new Error(answer.message);
  return answer;
}

/** `cut`: where the bytes are split; nowhere if absent. */
export function decodeStream(vendor: ProviderName, text: string, cuts: readonly number[] = []): AnswerEvent[] {
  return decodeBytes(providerCodec(vendor).openDecoder(DECODE_CONTEXT), Buffer.from(text), cuts);
}

export function decodeBytes(decoder: AnswerDecoder, bytes: Buffer, cuts: readonly number[]): AnswerEvent[] {
  const splitter = new SseSplitter();
  const events: AnswerEvent[] = [];
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    for (const event of splitter.push(bytes.subarray(start, end))) events.push(...decoder.decode(event));
    start = end;
  }
  expect(splitter.end()).toBeNull();
  return [...events, ...decoder.close()];
}

/** The stream that a client gets of these events. */
export function encodeStream(client: ClientName, events: readonly AnswerEvent[], context = encodeContext()): string {
  const encoder = clientCodec(client).openEncoder(context);
  let text = '';
  let { usage } = collectAnswer(events);
  for (const event of events) {
    if (event.kind === 'usage') usage = event.usage;
    else if (event.kind === 'error') throw new Error(event.failure.message);
    else if (event.kind !== 'ping' && event.kind !== 'end') text += encoder.encode(event);
  }
  if (usage === null) throw new Error('no usage');
  return text + encoder.end(usage, SHOWN);
}

export const relayContext: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: () => SHOWN,
};
