// Finds a response of this key: in SQL, or in Redis while its request is running or has just ended.
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { objectOf, parseObject } from '../../protocols/wire/loose-json.ts';
import { readAnswer } from '../../reply/reply-log.ts';
import type { RequestView } from '../../reply/request-store.ts';
import {
  type EndedResponse,
  emptyResponse,
  endedResponse,
  runningResponse,
} from '../../responses/describe-response.ts';
import { itemsOf, requestIdOf } from '../../responses/items.ts';
import type { StoredResponse } from '../../responses/response-store.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';

export type FoundResponse =
  | { kind: 'stored'; stored: StoredResponse }
  | { kind: 'live'; view: RequestView; spec: RequestSpec; body: JsonObject };

/**
 * Null if it does not exist or belongs to another key. Throws a FailureError if that cannot be determined. While SQL is
 * unavailable, responses that have not been written yet are still found in Redis.
 */
export async function findResponse(context: ApiContext, id: string, keyId: string): Promise<FoundResponse | null> {
  const written = await context.responses.find(id, keyId).catch(noteTrouble);
  if (written === 'deleted') return null;
  if (written !== null && !(written instanceof Trouble)) return { kind: 'stored', stored: written };
  const live = await findLive(context, id, keyId);
  if (live !== null && live !== 'written') return live;
  if (written instanceof Trouble) return rethrow(written.error);
  if (live === null) return null;
  // It was written between the two reads, and its body removed from Redis.
  const stored = await context.responses.find(id, keyId).catch(rethrow);
  return stored === null || stored === 'deleted' ? null : { kind: 'stored', stored };
}

/** Why SQL did not answer. */
class Trouble {
  readonly error: Error;
  constructor(error: Error) {
    this.error = error;
  }
}

const noteTrouble = (error: Error) => new Trouble(error);

/** Null if it is not in Redis or belongs to another key. */
async function findLive(context: ApiContext, id: string, keyId: string): Promise<FoundResponse | 'written' | null> {
  const requestId = requestIdOf(id);
  if (requestId === null) return null;
  const [view, body] = await Promise.all([context.store.read(requestId), context.store.readBody(requestId)]).catch(
    rethrow,
  );
  if (view === null || view.spec.keyId !== keyId || !isShown(view)) return null;
  if (body === null) return 'written';
  return { kind: 'live', view, spec: view.spec, body: objectOf(parseObject(body.toString())) };
}

export function expectFound(found: FoundResponse | null, id: string): FoundResponse {
  if (found !== null) return found;
  throw new FailureError(createFailure('response_not_found', `Response with id '${id}' not found.`, { param: 'id' }));
}

/** Failures of synchronous requests were reported to their client and are not stored. */
function isShown({ spec, state, outcome }: RequestView): boolean {
  if (spec.response === undefined || spec.response.keepMs === null) return false;
  return state !== 'done' || outcome === 'ok' || spec.response.isBackground;
}

export function isUnderWay(found: FoundResponse): boolean {
  return found.kind === 'live' && found.view.state !== 'done';
}

/** The current state. Throws a FailureError if Redis does not answer. */
export async function describeFound(context: ApiContext, found: FoundResponse): Promise<EndedResponse> {
  if (found.kind === 'stored') {
    return { status: found.stored.status as EndedResponse['status'], response: found.stored.response };
  }
  const { view, spec, body } = found;
  const { max_answer_bytes: maxBytes } = context.configuration.workers;
  const answer = await readAnswer(context.replyLog, spec.requestId, maxBytes * EVENTS_PER_ANSWER).catch(rethrow);
  const answered = { bytes: answer?.bytes ?? Buffer.alloc(0), failure: answer?.failure ?? null };
  if (view.state === 'done') return endedResponse(spec, body, answered, answered.failure?.code ?? view.outcome ?? 'ok');
  const status = view.state === 'queued' && answered.bytes.length === 0 ? 'queued' : 'in_progress';
  return { status, response: JSON.stringify(runningResponse(spec, body, answered.bytes, status)) };
}

/** A stream contains everything at least twice: in deltas and in the final events. */
const EVENTS_PER_ANSWER = 4;

/** All input items that the model was given. */
export function inputOf(found: FoundResponse): readonly JsonObject[] {
  return found.kind === 'stored' ? found.stored.input : itemsOf(found.body.input);
}

/** The response in its initial state. */
export function queuedForm(found: FoundResponse): JsonObject {
  if (found.kind === 'live') return emptyResponse(found.spec, found.body, 'queued');
  const ended = objectOf(parseObject(found.stored.response));
  const nothing = { status: 'queued', output: [], error: null, incomplete_details: null, usage: null };
  return { ...ended, ...nothing, completed_at: null };
}
