// Writes what a request of the Responses API leaves behind: its response, its items at the end of its conversation, the
// event that tells of it. One transaction: all of it happens, and once.
import { appendEvent } from '#src/batches/event-outbox.ts';
import type { RequestOutcome } from '#src/contracts/ledger-entry.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import type { ResponseKeeping } from '#src/contracts/response-keeping.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { objectOf, parseObject } from '#src/protocols/openai-responses/loose-json.ts';
import type { RecordedAnswer } from '#src/reply/read-answer.ts';
import { appendItems } from '#src/responses/conversations.ts';
import { type EndedResponse, endedResponse } from '#src/responses/describe-response.ts';
import { isRepeatable, itemsOf, responseIdOf } from '#src/responses/items.ts';
import { outputOf, type ResponseStore, type StoredResponse } from '#src/responses/response-store.ts';

/** A request that is over, with all that Redis has of it. */
export interface EndedRequest {
  outcome: RequestOutcome;
  spec: RequestSpec;
  keeping: ResponseKeeping;
  /** Null where it has gone: an older worker had the request. */
  body: Buffer | null;
  answer: RecordedAnswer | null;
}

/** Safe to repeat. Nothing is kept of a request that failed while its client waited: it has been told. */
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

/** What was broken off is no turn of a conversation. */
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

/** That one which is not kept was dealt with is known for so long: longer than any message is repeated. */
const MARKED_MS = 7 * 24 * 3_600_000;

/** As OpenAI's webhooks have it (npm openai 7.55.0, `resources/webhooks`). */
function responseEvent({ id, requestId, keyId, status }: StoredResponse, atMs: number) {
  return { id: `evt_${requestId.slice('req_'.length)}r`, type: `response.${status}`, keyId, subjectId: id, atMs };
}
