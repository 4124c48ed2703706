// Items that a request's body only refers to: those of earlier turns, and items by id.
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

/** The response's input includes that of earlier turns. The partial output of a failed response is left out. */
async function recallResponse(context: ApiContext, keyId: string, id: string): Promise<JsonObject[]> {
  const found = await findResponse(context, id, keyId);
  if (found === null) throw unknown(`Previous response with id '${id}' not found.`);
  if (isUnderWay(found)) throw unknown(`Previous response with id '${id}' has not ended yet; wait until it has ended.`);
  const { status, response } = await describeFound(context, found);
  const output = status === 'completed' || status === 'incomplete' ? outputOf(response) : [];
  return [...inputOf(found), ...output].filter(isRepeatable);
}

function unknown(message: string): FailureError {
  return new FailureError(createFailure('previous_response_not_found', message, { param: 'previous_response_id' }));
}

/** A response may have just ended, so that its items are not in SQL yet: the search is repeated after each of these delays. */
const WRITING_MS = [30, 60, 120, 240];
/** Item ids in the form of OpenAI's providers and of Sluice. Other ids are unknown here and not waited for. */
const ITEM_ID = /^[a-z]{1,12}_[A-Za-z0-9_-]{8,120}$/;
/** The most items that one turn can leave behind. More missing items are searched for only once. */
const MAX_AWAITED = 64;
const MAX_REFERENCES = 10_000;

/**
 * The input items of a body with references replaced by the items; null if there are no references. Unknown references stay: they
 * may be known to the provider. Throws a FailureError if there are too many references.
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
  // They are serialised again: numbers must keep their spelling.
  const exact = itemsOf((parseMessage(body.toString()) as JsonObject).input);
  return exact.map((item) => (isReference(item) ? (known.get(String(item.id)) ?? item) : item));
}

async function findItems(context: ApiContext, keyId: string, ids: readonly string[]) {
  const known = new Map<string, JsonObject>();
  for (const waitMs of [0, ...WRITING_MS]) {
    const missing = ids.filter((id) => !known.has(id));
    if (missing.length === 0 || (waitMs > 0 && missing.length > MAX_AWAITED)) break;
    // Only a client that has just received an answer can know an item that is not written yet.
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

/** Below the maximum number of parameters of a statement: 32,766 in SQLite, 65,535 in PostgreSQL. */
const IDS_AT_ONCE = 1_000;

function tooManyReferences(): FailureError {
  const message = `The input refers to more than ${MAX_REFERENCES} items.`;
  return new FailureError(createFailure('request_invalid', message, { param: 'input' }));
}
