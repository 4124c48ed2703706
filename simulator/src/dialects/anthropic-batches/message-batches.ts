// Anthropic's Message Batches. Wire facts: docs/reference/anthropic-messages.md section 8.
import { invalid, type Refusal, RefusalError } from '../../engine/refusal.ts';
import { anthropicMessagesDialect } from '../anthropic-messages/dialect.ts';
import type { Batch, EncodedAnswer, LineCall, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { json } from '../openai-batches/json-answer.ts';

const PATH = '/v1/messages/batches';
const BATCH_PATH = /^\/v1\/messages\/batches\/([^/]+)(\/cancel|\/results)?$/;
const PREFIX = 'msgbatch_';
const CUSTOM_ID = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_REQUESTS = 100_000;
const DAY_MS = 24 * 3_600_000;
const DEFAULT_LIMIT = 20;

const create: LookupRoute = { kind: 'lookup', answer: createBatch };
const list: LookupRoute = { kind: 'lookup', answer: listBatches };
const show = withBatch((batch, head) => json(describeBatch(batch, head)));
const cancel = withBatch((batch, head) => {
  batch.cancel();
  return json(describeBatch(batch, head));
});
const results = withBatch((batch) =>
  batch.hasEnded
    ? { status: 200, headers: ['content-type', 'application/x-jsonl'], body: encodeResults(batch) }
    : refuse(400, `Batch '${batch.id}' has no available results: it has not ended.`),
);
const remove = withBatch((batch, _, { batches }) => {
  if (!batch.hasEnded) return refuse(400, 'A batch cannot be deleted before it has ended.');
  batches.remove(batch.id);
  return json({ id: batch.id, type: 'message_batch_deleted' });
});

export function routeMessageBatches({ method, path }: RequestHead): LookupRoute | null {
  if (path === PATH) return method === 'POST' ? create : method === 'GET' ? list : null;
  const [, id, tail] = BATCH_PATH.exec(path) ?? [];
  if (id === undefined) return null;
  if (tail === '/cancel') return method === 'POST' ? cancel : null;
  if (tail === '/results') return method === 'GET' ? results : null;
  return method === 'GET' ? show : method === 'DELETE' ? remove : null;
}

function createBatch({ head, body, batches }: LookupContext): EncodedAnswer | Refusal | null {
  const accepted = batches.accept({ prefix: PREFIX, facts: {}, lines: readRequests(body, head), inputFaults: [] });
  if (accepted.kind === 'refused') return { kind: 'overloaded' };
  return accepted.isAnswerLost ? null : json(describeBatch(accepted.batch, head));
}

/** `params` are checked only when the request runs. */
function readRequests(body: string, head: RequestHead): LineCall[] {
  let requests: unknown;
  try {
    ({ requests } = JSON.parse(body) as { requests?: unknown });
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
  if (!Array.isArray(requests) || requests.length === 0) throw invalid('requests: Field required');
  if (requests.length > MAX_REQUESTS) throw new RefusalError({ kind: 'body_too_large', limitBytes: 256 * 1024 * 1024 });
  const lineHead = { ...head, method: 'POST', path: '/v1/messages', query: '' };
  const ids = new Set<string>();
  return requests.map(({ custom_id: customId, params }: Record<string, unknown>, index) => {
    const place = `requests.${index}`;
    if (typeof customId !== 'string') throw invalid(`${place}.custom_id: Field required`);
    if (!CUSTOM_ID.test(customId))
      throw invalid(`${place}.custom_id: String should match pattern '${CUSTOM_ID.source}'`);
    if (ids.has(customId)) throw invalid(`${place}.custom_id: duplicate custom_id '${customId}'`);
    if (typeof params !== 'object' || params === null) throw invalid(`${place}.params: Field required`);
    ids.add(customId);
    return { customId, dialect: anthropicMessagesDialect, head: lineHead, body: params };
  });
}

function listBatches({ head, batches }: LookupContext): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const all = batches.list(PREFIX);
  const from = all.findIndex(({ id }) => id === query.get('after_id')) + 1;
  const page = all.slice(from, from + Number(query.get('limit') ?? DEFAULT_LIMIT));
  const data = page.map((batch) => describeBatch(batch, head));
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return json({ data, ...ends, has_more: from + page.length < all.length });
}

function withBatch(
  use: (batch: Batch, head: RequestHead, context: LookupContext) => EncodedAnswer | Refusal,
): LookupRoute {
  return {
    kind: 'lookup',
    answer(context) {
      const id = BATCH_PATH.exec(context.head.path)![1]!;
      const batch = id.startsWith(PREFIX) ? context.batches.find(id) : null;
      return batch === null ? refuse(404, `Message batch not found: ${id}`) : use(batch, context.head, context);
    },
  };
}

function refuse(status: number, message: string): Refusal {
  return { kind: 'invalid', message, param: null, code: null, status };
}

/** All requests count as `processing` until the whole batch has ended. */
function describeBatch(batch: Batch, head: RequestHead) {
  const { id, lines, answers, failedLines, hasEnded, state, createdAtMs, reachedAtMs } = batch;
  const left = lines.length - answers.length;
  const host = head.headers.host ?? 'api.anthropic.com';
  return {
    id,
    type: 'message_batch',
    processing_status: hasEnded ? 'ended' : state === 'cancelling' ? 'canceling' : 'in_progress',
    request_counts: {
      processing: hasEnded ? 0 : lines.length,
      succeeded: hasEnded ? answers.length - failedLines : 0,
      errored: hasEnded ? failedLines + (state === 'failed' ? left : 0) : 0,
      canceled: state === 'cancelled' ? left : 0,
      expired: state === 'expired' ? left : 0,
    },
    created_at: time(createdAtMs),
    ended_at: time(reachedAtMs.completed ?? reachedAtMs.expired ?? reachedAtMs.cancelled ?? reachedAtMs.failed),
    expires_at: time(createdAtMs + DAY_MS),
    archived_at: null,
    cancel_initiated_at: time(reachedAtMs.cancelling),
    results_url: hasEnded ? `http://${host}${PATH}/${id}/results` : null,
  };
}

function time(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

// The results of a batch that has ended, one JSON text a line. In reverse order, because the provider does not keep the order
// either.

export function encodeResults(batch: Batch): string {
  const { lines, answers } = batch;
  const results = lines.map(({ customId }, index) => {
    const answer = answers[index];
    const result = answer === undefined ? notRun(batch) : resultOf(answer.status, answer.body);
    return `${JSON.stringify({ custom_id: customId, result })}\n`;
  });
  return results.reverse().join('');
}

function resultOf(status: number, body: string): object {
  const value = JSON.parse(body) as object;
  return status < 300 ? { type: 'succeeded', message: value } : { type: 'errored', error: value };
}

function notRun({ state, inputFaults }: Batch): object {
  if (state === 'expired') return { type: 'expired' };
  if (state === 'cancelled') return { type: 'canceled' };
  const error = { type: 'invalid_request_error', message: inputFaults[0]?.message ?? 'The batch failed.' };
  return { type: 'errored', error: { type: 'error', error, request_id: null } };
}
