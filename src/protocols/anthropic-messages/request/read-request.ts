// The client's face of Anthropic Messages: what the broker uses of a request body. Checks only that; every other field,
// known or not, is left to the provider.

import { z } from 'zod';
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import { removeForeignThoughts } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { asObject, asObjects, asText } from '#src/protocols/anthropic-messages/loose-json.ts';
import { traitsOf } from '#src/protocols/anthropic-messages/models.ts';
import { effectiveRequest, extraMembers, outputBound } from '#src/protocols/call/effective-request.ts';
import { providerPreferences, readPreferences } from '#src/protocols/call/provider-preferences.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import type { EncodedAnswer, PassThroughInput, RelayedBody, RequestFacts } from '#src/protocols/protocol.ts';
import {
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
  tokensOfText,
} from '#src/protocols/providers/token-estimate.ts';
import { mayHoldForeignSignature } from '#src/protocols/translate/signatures.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { editObject, memberBytes } from '#src/protocols/wire/json-object.ts';
import { textBytesOf } from '#src/protocols/wire/long-strings.ts';
import { anyObject } from '#src/protocols/wire/loose-json.ts';

const names = z.array(z.string()).nullish();

/** In addition to what routing needs, `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
export const countRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(anyObject).min(1),
  models: names,
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
});

export const messagesRequest = countRequest.extend({
  // Zero fills the cache without an answer.
  max_tokens: z.number().int().min(0),
  stream: z.boolean().nullish(),
});

/** Resumes a paused answer of a thread: Anthropic has the conversation. */
const threadRequest = messagesRequest.extend({
  messages: z.array(anyObject),
});

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readMessagesRequest(body: unknown): RequestFacts | Failure {
  const { thread } = asObject(effectiveRequest(body)) ?? {};
  const isContinued = asObject(thread)?.type === 'continue';
  const request = check(isContinued ? threadRequest : messagesRequest, body);
  if (isFailure(request)) return request;
  return { ...factsOf(request), isStream: request.stream === true, maxOutputTokens: outputBound(request) };
}

export function readCountRequest(body: unknown): RequestFacts | Failure {
  const request = check(countRequest, body);
  return isFailure(request) ? request : { ...factsOf(request), usageDelivery: 'none' };
}

function check<T extends object>(schema: z.ZodType<T>, sent: unknown): T | Failure {
  const body = effectiveRequest(sent);
  const parsed = schema.safeParse(body);
  return parsed.success ? parsed.data : describeIssue(parsed.error.issues[0]!, body);
}

function factsOf(request: z.infer<typeof countRequest>): RequestFacts {
  return {
    model: request.model,
    isStream: false,
    usageDelivery: 'own-event',
    estimatedInputTokens: estimateInputTokens(request as JsonObject),
    // Counting generates nothing.
    maxOutputTokens: 0,
    choices: 1,
    alternativeModels: request.models ?? [],
    preferences: readPreferences(request.provider),
  };
}

/** The first fault as Anthropic words it: `max_tokens: Field required`. */
function describeIssue(issue: z.core.$ZodIssue, body: unknown): Failure {
  const param = issue.path.join('.');
  if (param === '') {
    const expected = 'The request body must be a JSON object with "model", "messages" and "max_tokens".';
    return createFailure('request_invalid', expected);
  }
  if (valueAt(body, issue.path) === undefined) {
    return createFailure('parameter_missing', `${param}: Field required`, { param });
  }
  return createFailure('request_invalid', `${param}: ${issue.message}`, { param });
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}

// Prompt tokens by size: text by its bytes, images at a flat rate, documents by a fraction of their bytes.

/** Base64 of a document says little about its text; a tenth is a fair estimate for PDF. */
const BINARY_SHARE = 10;

function estimateInputTokens({ system, messages, tools }: JsonObject): number {
  const hasTools = Array.isArray(tools) && tools.length > 0;
  return (
    TOKENS_PER_MESSAGE +
    tokensOfContent(system) +
    asObjects(messages).reduce((sum, message) => sum + TOKENS_PER_MESSAGE + tokensOfMember(message, 'content'), 0) +
    (hasTools ? tokensOfText(JSON.stringify(tools)) : 0)
  );
}

function tokensOfContent(content: unknown): number {
  if (typeof content === 'string') return tokensOfText(content);
  return asObjects(content).reduce((sum, block) => sum + tokensOfBlock(block), 0);
}

/** A text is not made only to be counted. */
function tokensOfMember(holder: JsonObject, name: string): number {
  const textBytes = textBytesOf(holder, name);
  return textBytes === null ? tokensOfContent(holder[name]) : tokensOfBytes(textBytes);
}

function tokensOfBlock(block: JsonObject): number {
  switch (block.type) {
    case 'text':
      return tokensOfBytes(textBytesOf(block, 'text') ?? 0);
    case 'image':
      return TOKENS_PER_IMAGE;
    case 'document':
      return tokensOfSource(asObject(block.source) ?? {});
    case 'tool_result':
    case 'search_result':
      return tokensOfMember(block, 'content');
    case 'thinking':
      return tokensOfText(asText(block.thinking));
    case 'redacted_thinking':
      return 0;
    default:
      return tokensOfText(JSON.stringify(block));
  }
}

function tokensOfSource({ type, data, content }: JsonObject): number {
  if (type === 'text') return tokensOfText(asText(data));
  if (type === 'content') return tokensOfContent(content);
  return tokensOfBytes(asText(data).length / BINARY_SHARE);
}

// The provider's face of Anthropic Messages, outgoing: the client's bytes with the fewest possible changes.

/**
 * The model becomes the provider's own id, the broker's members are taken out and `extra_body` is merged in (over the members
 * of the same name). Thoughts of other providers' models are removed, because Anthropic refuses thoughts that it has not
 * signed. Nothing else changes, not even a space.
 */
export function buildMessagesBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  set.set('model', JSON.stringify(input.upstreamModel));
  const body = mayHoldForeignSignature(input.body) ? withoutForeignThoughts(input) : input.body;
  return editObject(body, { set, remove: BROKER_MEMBERS });
}

function withoutForeignThoughts({ body, upstreamModel }: PassThroughInput): Buffer {
  const messages = memberBytes(body, 'messages');
  if (messages === null) return body;
  const { json, mustNotThinkByBudget } = removeForeignThoughts(messages.toString());
  const set = new Map([['messages', json]]);
  const thinking = asObject(parseJson(memberBytes(body, 'thinking')?.toString() ?? ''));
  if (!mustNotThinkByBudget || thinking?.type !== 'enabled') return editObject(body, { set, remove: [] });
  if (!traitsOf(upstreamModel).thinking.includes('adaptive')) return editObject(body, { set, remove: ['thinking'] });
  const { budget_tokens: _, ...rest } = thinking;
  set.set('thinking', JSON.stringify({ ...rest, type: 'adaptive' }));
  return editObject(body, { set, remove: [] });
}

// POST /v1/messages/count_tokens: sent to an Anthropic provider if the model has one, else answered with the broker's
// estimate. Counting is free: no usage, no cost.

const NOT_A_COUNT = createFailure('upstream_malformed', 'The provider responded with 200, but without a token count.');

export function relayTokenCount(body: Buffer): RelayedBody {
  const answer = asObject(parseJson(body.toString()));
  if (typeof answer?.input_tokens === 'number') return { body, usage: NO_USAGE };
  return { body, usage: NO_USAGE, failure: NOT_A_COUNT };
}

export function answerTokenCount(facts: RequestFacts): EncodedAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(JSON.stringify({ input_tokens: facts.estimatedInputTokens })),
  };
}
