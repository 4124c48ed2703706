// What a request was asked with that its body only names: the items of the turns before it, and items by their id.
import { createFailure, FailureError } from '../contracts/failure.ts';
import type { JsonObject } from '../protocols/codec.ts';
import type { MemoryFacts } from '../protocols/protocol.ts';
import { isReference, isRepeatable, referredIds } from '../responses/input-items.ts';
import { outputOf } from '../responses/response-store.ts';
import type { ApiContext } from './context.ts';
import { rethrow } from './dispatch.ts';
import { describeFound, findResponse, inputOf, isUnderWay } from './find-response.ts';

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

/** The response that an item belongs to may have ended a moment ago, and is being written. */
const WRITING_MS = 1_500;
const POLL_MS = 50;

/**
 * Input items with references replaced by what they refer to; null where there are none. What is unknown here stays: it
 * may be a vendor's own.
 */
export async function resolveReferences(
  context: ApiContext,
  keyId: string,
  items: readonly JsonObject[],
): Promise<JsonObject[] | null> {
  const ids = referredIds(items);
  if (ids.length === 0) return null;
  const known = await findItems(context, keyId, ids);
  return items.map((item) => (isReference(item) ? (known.get(String(item.id)) ?? item) : item));
}

async function findItems(context: ApiContext, keyId: string, ids: readonly string[]) {
  const untilMs = Date.now() + WRITING_MS;
  for (;;) {
    const known = new Map([
      ...(await context.conversations.findItems(keyId, ids).catch(rethrow)),
      ...(await context.responses.findOutputItems(keyId, ids).catch(rethrow)),
    ]);
    if (ids.every((id) => known.has(id)) || Date.now() > untilMs) return known;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
