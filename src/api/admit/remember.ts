// Prepares a request of the Responses API: adds the items of earlier turns to its body, and records what it leaves behind. After
// that it is handled like any other request.
import { createFailure, FailureError, isFailure } from '../../contracts/failure.ts';
import { MAX_ESTIMATED_TOKENS, type RequestSpec } from '../../contracts/request-record.ts';
import type { ResponseKeeping } from '../../contracts/response-keeping.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import type { ClientProtocol, MemoryFacts, RequestTarget } from '../../protocols/protocol.ts';
import type { Conversation } from '../../responses/conversations.ts';
import { expandBody, itemsOf } from '../../responses/items.ts';
import type { ApiContext } from '../context.ts';
import { rethrow } from './dispatch.ts';
import { parseBounded } from './read-body.ts';
import { recallTurns, resolveReferences } from './recall.ts';
import { leaveConversation, takeConversation } from './take-conversation.ts';

const DAY_MS = 24 * 3_600_000;
/** A background response that is not stored must still be retrievable for a while (OpenAI's guide: about ten minutes). */
const UNSTORED_BACKGROUND_MS = 10 * 60_000;
/** Lifetime in Redis, which has the only copy of a response until SQL has it. */
const UNWRITTEN_MS = DAY_MS;
/** Lifetime of an answer that its client has received: its last frame may still have to be read from the log. */
const DELIVERED_MS = 60_000;

export interface Remembering {
  client: ClientProtocol;
  target: RequestTarget;
  memory: MemoryFacts;
  spec: RequestSpec;
  /** The parsed body. */
  value: unknown;
  bytes: Buffer;
  /** Items that the connection remembers of a response that is not stored; null for other responses. */
  recall?: (responseId: string) => JsonObject[] | null;
}

export interface Remembered {
  spec: RequestSpec;
  /** The body for the worker. */
  body: Buffer;
  /** The user's first message in earlier turns, if any. */
  firstMessage?: JsonObject;
}

/** Throws a FailureError for a reference to unknown turns. Locks the conversation, if any, for the request. */
export async function remember(context: ApiContext, input: Remembering): Promise<Remembered> {
  const { memory, spec } = input;
  const keepMs = keepMsOf(context, memory);
  const isPlain = memory.previousResponseId === null && memory.conversationId === null;
  if (keepMs === null && isPlain) return { spec, body: input.bytes };
  if (memory.conversationId !== null) await enterConversation(context, spec, memory.conversationId);
  try {
    return await expand(context, input, keepMs);
  } catch (error) {
    forgetTurn(context, memory.conversationId, spec);
    throw error;
  }
}

/** The request was not accepted: releases its conversation. */
export function giveConversationBack(context: ApiContext, spec: RequestSpec): void {
  forgetTurn(context, spec.response?.conversationId ?? null, spec);
}

function forgetTurn(context: ApiContext, conversationId: string | null, spec: RequestSpec): void {
  if (conversationId !== null) leaveConversation(context, conversationId, spec);
}

function keepMsOf({ configuration: { storage } }: ApiContext, { store, isBackground }: MemoryFacts): number | null {
  if (store ?? storage.store_responses) return storage.responses_days * DAY_MS;
  return isBackground ? UNSTORED_BACKGROUND_MS : null;
}

async function enterConversation(context: ApiContext, spec: RequestSpec, id: string): Promise<void> {
  await expectConversation(context, spec.keyId, id);
  await takeConversation(context, id, spec);
}

/** Throws a FailureError (404) if this key has no conversation with this id. */
export async function expectConversation(context: ApiContext, keyId: string, id: string): Promise<Conversation> {
  const conversation = await context.conversations.find(id, keyId).catch(rethrow);
  if (conversation !== null) return conversation;
  const message = `Conversation with id '${id}' not found.`;
  throw new FailureError(createFailure('conversation_not_found', message, { param: 'conversation' }));
}

async function expand(context: ApiContext, input: Remembering, keepMs: number | null): Promise<Remembered> {
  const { client, target, memory, spec } = input;
  const value = input.value as JsonObject;
  const { previousResponseId: previous } = memory;
  const own = previous === null ? null : (input.recall?.(previous) ?? null);
  const recalled = own ?? (await recallTurns(context, spec.keyId, memory));
  const replaced = await resolveReferences(context, spec.keyId, input.bytes, itemsOf(value.input));
  const body = expandBody(input.bytes, { recalled, replaced });
  const { body_limit_bytes: limit } = context.configuration.server;
  if (body.length > limit) throw tooLong(limit);
  const facts = client.readRequest(parseBounded(body), target);
  if (isFailure(facts)) throw new FailureError(facts);
  const keeping = { keepMs, recalledItems: recalled.length };
  const estimatedInputTokens = Math.min(facts.estimatedInputTokens, MAX_ESTIMATED_TOKENS);
  const firstMessage = recalled.find(({ role }) => role === 'user');
  return {
    spec: { ...keepResponse(spec, memory, keeping), estimatedInputTokens },
    body,
    ...(firstMessage === undefined ? {} : { firstMessage }),
  };
}

function tooLong(limit: number): FailureError {
  const message = `With the turns before it, the request is larger than this Sluice takes (${limit} bytes).`;
  return new FailureError(createFailure('request_too_large', message));
}

function keepResponse(
  spec: RequestSpec,
  { isBackground, previousResponseId, conversationId }: MemoryFacts,
  more: Pick<ResponseKeeping, 'keepMs' | 'recalledItems'>,
): RequestSpec {
  const isFetchedOnce = spec.lifetime === 'client' && !spec.isStream && !isBackground;
  const afterwardsMs = isFetchedOnce ? Math.min(DELIVERED_MS, spec.retentionMs) : spec.retentionMs;
  return {
    ...spec,
    response: { isBackground, previousResponseId, conversationId, afterwardsMs, ...more },
    lifetime: isBackground ? 'nobody' : spec.lifetime,
    retentionMs: Math.max(spec.retentionMs, UNWRITTEN_MS),
  };
}
