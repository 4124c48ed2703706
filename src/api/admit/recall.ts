// What a request was asked with that its body only names: the items of the turns before it, and items by their id.
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import type { MemoryFacts } from '../../protocols/protocol.ts';
import { parseMessage } from '../../protocols/wire/exact-json.ts';
import { isReference, isRepeatable, itemsOf, referredIds } from '../../responses/items.ts';
import { outputOf } from '../../responses/response-store.ts';
import type { ApiContext } from '../context.ts';
import { describeFound, findResponse, inputOf, isUnderWay } from '../describe/find-response.ts';
import { rethrow } from './dispatch.ts';

/** Items before the request's own. The conversation must be this request's. Throws a FailureError. */
export async function recallTurns(context: ApiContext, keyId: string, memory: MemoryFacts): Promise<JsonObject[]> {
  if (memory.conversationId !== null) {
    return (await context.conversations.allItems(memory.conversationId).catch(rethrow)).filter(isRepeatable);
  }
  return memory.previousResponseId === null ? [] : recallResponse(context, keyId, memory.previousResponseId);
}

/** Its own input holds that of the turns before it. What a response that failed had begun to say is left out. */
async function recallResponse(context: ApiContext, keyId: string, id: string): Promise<JsonObject[]> {
  const found = await findResponse(context, id, keyId);
  if (found === null) throw unknown(`Previous response with id '${id}' not found.`);
  if (isUnderWay(found)) throw unknown(`Previous response with id '${id}' has not ended yet; wait until it has.`);
  const { status, response } = await describeFound(context, found);
  const output = status === 'completed' || status === 'incomplete' ? outputOf(response) : [];
  return [...inputOf(found), ...output].filter(isRepeatable);
}

function unknown(message: string): FailureError {
  return new FailureError(createFailure('previous_response_not_found', message, { param: 'previous_response_id' }));
}

/** A response may have ended a moment ago, and its items be on their way to SQL: looked for again after each of these. */
const WRITING_MS = [30, 60, 120, 240];
/** As OpenAI's providers and this broker name items. What is named otherwise is nobody's here, and not waited for. */
const ITEM_ID = /^[a-z]{1,12}_[A-Za-z0-9_-]{8,120}$/;
/** What one turn can have left behind. More of them are looked for once. */
const MAX_AWAITED = 64;
const MAX_REFERENCES = 10_000;

/**
 * Input items of a body with references replaced by what they refer to; null where there are none. What is unknown here stays: it
 * may be a provider's own. Throws a FailureError for more references than anybody has items.
 */
export async function resolveReferences(
  context: ApiContext,
  keyId: string,
  body: Buffer,
  items: readonly JsonObject[],
): Promise<JsonObject[] | null> {
  const ids = [...new Set(referredIds(items))];
  if (ids.length === 0) return null;
  if (ids.length > MAX_REFERENCES) throw tooManyReferences();
  const known = await findItems(
    context,
    keyId,
    ids.filter((id) => ITEM_ID.test(id)),
  );
  // They are serialised again: their numbers must be as they were sent.
  const exact = itemsOf((parseMessage(body.toString()) as JsonObject).input);
  return exact.map((item) => (isReference(item) ? (known.get(String(item.id)) ?? item) : item));
}

async function findItems(context: ApiContext, keyId: string, ids: readonly string[]) {
  const known = new Map<string, JsonObject>();
  for (const waitMs of [0, ...WRITING_MS]) {
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length === 0 || (waitMs > 0 && missing.length > MAX_AWAITED)) break;
    // Only who was just given an answer can know of an item that is not written yet.
    if (waitMs === WRITING_MS[0] && !(await context.recentAnswers.has(keyId).catch(rethrow))) break;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    for (let at = 0; at < missing.length; at += IDS_AT_ONCE) {
      const some = missing.slice(at, at + IDS_AT_ONCE);
      const [kept, said] = await Promise.all([
        context.conversations.findItems(keyId, some),
        context.responses.findOutputItems(keyId, some),
      ]).catch(rethrow);
      for (const [id, item] of [...kept, ...said]) known.set(id, item);
    }
  }
  return known;
}

/** Below what one statement may have as parameters: 32,766 in SQLite, 65,535 in PostgreSQL. */
const IDS_AT_ONCE = 1_000;

function tooManyReferences(): FailureError {
  const message = `The input refers to more than ${MAX_REFERENCES} items.`;
  return new FailureError(createFailure('request_invalid', message, { param: 'input' }));
}
