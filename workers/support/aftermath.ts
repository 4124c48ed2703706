// What follows from an outcome apart from the books: stored responses, and events of requests for which no client waited. Called
// before the message leaves the ledger's stream, so a crash at any point repeats it; everything here is idempotent.
import { appendEvent } from '#src/batches/event-outbox.ts';
import type { LedgerMessage, RequestOutcome } from '#src/contracts/ledger-entry.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { ResponseKeeping } from '#src/contracts/response-keeping.ts';
import type { SetAsideMessage } from '#src/ledger/ledger-writer.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { objectOf, parseObject } from '#src/protocols/wire/loose-json.ts';
import { type RecordedAnswer, type ReplyLog, readAnswer } from '#src/reply/reply-log.ts';
import type { RequestStore, RequestView } from '#src/reply/request-store.ts';
import { appendItems, type ConversationLock } from '#src/responses/conversations.ts';
import { type EndedResponse, endedResponse } from '#src/responses/describe-response.ts';
import { isRepeatable, itemsOf, responseIdOf } from '#src/responses/items.ts';
import { outputOf, type ResponseStore, type StoredResponse } from '#src/responses/response-store.ts';
import type { Database } from '#src/storage/database.ts';
import { isRowRefused } from '#src/storage/refused-rows.ts';
import type { Logger } from '#src/telemetry/logger.ts';

export interface AftermathOptions {
  database: Database;
  responses: ResponseStore;
  store: RequestStore;
  replyLog: ReplyLog;
  lock: ConversationLock;
  /** Larger answers are not stored. */
  maxAnswerBytes: number;
  logger: Logger;
}

/** Concurrent outcomes: each takes some round trips to Redis and one transaction. */
const AT_ONCE = 8;
/** A response that cannot be written must not block the ledger; each retry waits up to ten seconds. */
const MAX_TRIES = 20;
/** The outcome may reach the books before the last frame reaches the log. */
const LAST_FRAME_MS = 2_000;
const POLL_MS = 20;

/** Handles every outcome; returns the messages whose outcomes must be delivered again. */
export type Aftermath = (
  messages: readonly LedgerMessage[],
  setAside: SetAsideMessage,
) => Promise<ReadonlySet<LedgerMessage>>;

export function createAftermath(options: AftermathOptions): Aftermath {
  const tries = new Map<string, number>();

  /** False if it should be retried. */
  async function follow(message: LedgerMessage, setAside: SetAsideMessage): Promise<boolean> {
    const outcome = message.request!;
    const { requestId } = outcome;
    try {
      await Promise.all([announce(options, outcome), keep(options, outcome)]);
    } catch (error) {
      const count = (tries.get(requestId) ?? 0) + 1;
      tries.set(requestId, count);
      const isGivenUp = count >= MAX_TRIES || error instanceof RangeError || isRowRefused(error);
      const level = isGivenUp ? 'error' : 'warn';
      const text = isGivenUp ? 'a response could not be stored' : 'a response will be stored later';
      options.logger[level]({ err: error, request_id: requestId, tries: count }, text);
      if (!isGivenUp || !(await giveUp(options, message, error as Error, setAside))) return false;
    }
    tries.delete(requestId);
    return true;
  }

  return async (messages, setAside) => {
    const followed = messages.filter(({ request }) => request?.aftermath !== undefined);
    const unfinished = new Set<LedgerMessage>();
    for (let from = 0; from < followed.length; from += AT_ONCE) {
      await Promise.all(
        followed.slice(from, from + AT_ONCE).map(async (message) => {
          if (!(await follow(message, setAside))) unfinished.add(message);
        }),
      );
    }
    return unfinished;
  };
}

/** Sets the response aside and releases its conversation. False if that fails too. */
async function giveUp(
  { store, lock, logger }: AftermathOptions,
  message: LedgerMessage,
  error: Error,
  setAside: SetAsideMessage,
): Promise<boolean> {
  const { requestId } = message.request!;
  try {
    await setAside(message, 'response', error);
    const view = await store.read(requestId);
    const conversationId = view?.spec.response?.conversationId ?? null;
    if (view !== null && conversationId !== null) await lock.release(conversationId, view.spec);
    return true;
  } catch (trouble) {
    logger.warn(
      { err: trouble, request_id: requestId },
      'a response that the database refused could not be stored yet',
    );
    return false;
  }
}

async function announce({ database }: AftermathOptions, outcome: RequestOutcome): Promise<void> {
  if (outcome.aftermath?.isAnnounced !== true) return;
  const { requestId, keyId, finishedAtMs } = outcome;
  const id = `evt_${requestId.slice('req_'.length)}`;
  await appendEvent(database, { id, type: eventOf(outcome), keyId, subjectId: requestId, atMs: finishedAtMs });
}

/** Named like the status in `GET /v1/requests/{id}`. */
function eventOf({ outcome }: RequestOutcome): string {
  if (outcome === 'ok') return 'request.completed';
  return outcome === 'request_cancelled' ? 'request.cancelled' : 'request.failed';
}

async function keep(options: AftermathOptions, outcome: RequestOutcome): Promise<void> {
  if (outcome.aftermath?.hasResponse !== true) return;
  const { store, replyLog, lock, responses, logger, maxAnswerBytes } = options;
  const { requestId } = outcome;
  const view = await whenOver(store, requestId);
  const keeping = view?.spec.response;
  if (view === null || keeping === undefined) {
    // A request that its client cancelled before its turn leaves nothing behind.
    if (outcome.outcome !== 'request_cancelled')
      logger.error({ request_id: requestId }, 'a response was lost with Redis');
    return;
  }
  const { spec } = view;
  const [body, answer] = await Promise.all([
    store.readBody(requestId),
    readAnswer(replyLog, requestId, maxAnswerBytes),
  ]);
  await writeResponse(responses, { outcome, spec, keeping, body, answer });
  if (keeping.conversationId !== null) await lock.release(keeping.conversationId, spec);
  await store.shorten(requestId, keeping.afterwardsMs);
}

/** Null for a request that is gone. Throws if it does not end: its last frame may still arrive, or another delivery has it. */
async function whenOver(store: RequestStore, requestId: string): Promise<RequestView | null> {
  const untilMs = Date.now() + LAST_FRAME_MS;
  for (;;) {
    const view = await store.read(requestId);
    if (view === null || view.state === 'done') return view;
    if (Date.now() > untilMs) throw new Error(`${requestId} has an outcome but has not ended`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

// The janitor of stored responses: deletes expired ones in small batches, so that other statements do not wait long.

const SWEEP_MS = 600_000;
const FIRST_SWEEP_MS = 30_000;
const ROWS_AT_ONCE = 500;

/** Every ledger writer sweeps; concurrent sweeps are harmless. */
export function startResponseJanitor(responses: ResponseStore, logger: Logger): { stop(): void } {
  let isStopped = false;
  const sweep = async () => {
    let deleted = 0;
    for (let rows = ROWS_AT_ONCE; rows === ROWS_AT_ONCE && !isStopped; deleted += rows) {
      rows = await responses.deleteExpired(Date.now(), ROWS_AT_ONCE);
    }
    if (deleted > 0) logger.info({ responses: deleted }, 'old responses deleted');
  };
  const start = () =>
    void sweep().catch((error: Error) => logger.warn({ err: error }, 'old responses could not be deleted'));
  const timers = [setTimeout(start, FIRST_SWEEP_MS), setInterval(start, SWEEP_MS)];
  return {
    stop() {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

// Writes what a request of the Responses API leaves behind: its response, its items at the end of its conversation, and its
// event. One transaction: all or nothing, and once.

/** A request that has ended, with everything that Redis has of it. */
export interface EndedRequest {
  outcome: RequestOutcome;
  spec: RequestSpec;
  keeping: ResponseKeeping;
  /** Null if it is gone: an older worker had the request. */
  body: Buffer | null;
  answer: RecordedAnswer | null;
}

/** Idempotent. A request that failed while its client waited is not stored: the client received the failure. */
export async function writeResponse(store: ResponseStore, ended: EndedRequest): Promise<void> {
  const { outcome, spec, keeping } = ended;
  if (outcome.outcome !== 'ok' && !keeping.isBackground) return;
  const body = objectOf(parseObject(ended.body?.toString() ?? ''));
  const answered = { bytes: ended.answer?.bytes ?? Buffer.alloc(0), failure: ended.answer?.failure ?? null };
  const response = endedResponse(spec, body, answered, outcome.outcome);
  const stored = storedResponse(ended, body, response);
  await store.insert(stored, keeping.keepMs !== null, async (transaction) => {
    const { conversationId } = keeping;
    if (conversationId !== null && isAnswer(response)) {
      const items = [...itemsOf(body.input).slice(keeping.recalledItems), ...outputOf(response.response)];
      await appendItems(transaction, conversationId, items.filter(isRepeatable), outcome.finishedAtMs);
    }
    if (keeping.isBackground) await appendEvent(transaction, responseEvent(stored, outcome.finishedAtMs));
  });
}

/** An answer that broke off is not a turn of a conversation. */
function isAnswer({ status }: EndedResponse): boolean {
  return status === 'completed' || status === 'incomplete';
}

function storedResponse(
  { spec, keeping, outcome }: EndedRequest,
  body: JsonObject,
  { status, response }: EndedResponse,
): StoredResponse {
  const { requestId, keyId, model, isStream, acceptedAtMs } = spec;
  return {
    id: responseIdOf(requestId),
    requestId,
    keyId,
    model,
    status,
    isBackground: keeping.isBackground,
    isStream,
    input: itemsOf(body.input),
    response,
    createdAtMs: acceptedAtMs,
    expiresAtMs: outcome.finishedAtMs + (keeping.keepMs ?? MARKED_MS),
  };
}

/** How long the row of a response that is not stored remains as a marker: longer than any message is redelivered. */
const MARKED_MS = 7 * 24 * 3_600_000;

/** In the form of OpenAI's webhooks (npm openai 7.55.0, `resources/webhooks`). */
function responseEvent({ id, requestId, keyId, status }: StoredResponse, atMs: number) {
  return { id: `evt_${requestId.slice('req_'.length)}r`, type: `response.${status}`, keyId, subjectId: id, atMs };
}
