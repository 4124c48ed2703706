// OpenAI's Batch API. Wire facts: docs/reference/openai-batch.md section 2.
import { invalid, type Refusal, RefusalError } from '../../engine/refusal.ts';
import type { Batch, Batches, BatchState, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { json } from './json-answer.ts';
import { BATCH_ENDPOINTS, readInput } from './read-input.ts';

const BATCH_PATH = /^\/v1\/batches\/([^/]+)(\/cancel)?$/;
const PREFIX = 'batch_';
const DAY_S = 24 * 3_600;
const DEFAULT_LIMIT = 20;

const create: LookupRoute = { kind: 'lookup', answer: createBatch };
const list: LookupRoute = { kind: 'lookup', answer: listBatches };
const show: LookupRoute = {
  kind: 'lookup',
  answer: (context) => withBatch(context, (batch) => json(describeBatch(batch, context.batches))),
};
const cancel: LookupRoute = {
  kind: 'lookup',
  answer: (context) => withBatch(context, (batch) => cancelBatch(batch, context)),
};

export function routeBatches({ method, path }: RequestHead): LookupRoute | null {
  if (path === '/v1/batches') return method === 'POST' ? create : method === 'GET' ? list : null;
  const [, id, isCancel] = BATCH_PATH.exec(path) ?? [];
  if (id === undefined) return null;
  if (isCancel !== undefined) return method === 'POST' ? cancel : null;
  return method === 'GET' ? show : null;
}

function createBatch({ head, body, batches }: LookupContext): EncodedAnswer | Refusal | null {
  const wish = readWish(body);
  const file = batches.findFile(String(wish.input_file_id));
  if (file === null)
    return { kind: 'invalid', message: `No such File object: ${wish.input_file_id}`, param: null, code: null };
  const endpoint = String(wish.endpoint);
  const { lines, faults: inputFaults } = readInput(file.text, endpoint, head);
  const { metadata = null } = wish;
  const facts = {
    endpoint,
    metadata,
    inputFileId: file.id,
    model: (lines[0]?.body as { model?: string })?.model ?? null,
  };
  const accepted = batches.accept({ prefix: PREFIX, facts, lines, inputFaults });
  if (accepted.kind === 'refused') return { kind: 'unavailable' };
  return accepted.isAnswerLost ? null : json(describeBatch(accepted.batch, batches));
}

function readWish(body: string): Record<string, unknown> {
  let wish: Record<string, unknown>;
  try {
    wish = JSON.parse(body) as Record<string, unknown>;
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
  for (const name of ['input_file_id', 'endpoint', 'completion_window']) {
    if (wish[name] === undefined) {
      throw invalid(`Missing required parameter: '${name}'.`, name, 'missing_required_parameter');
    }
  }
  if (wish.completion_window !== '24h') {
    throw invalid(
      `Invalid value: '${wish.completion_window}'. Value must be '24h'.`,
      'completion_window',
      'invalid_value',
    );
  }
  if (!Object.hasOwn(BATCH_ENDPOINTS, String(wish.endpoint))) {
    const known = Object.keys(BATCH_ENDPOINTS).map((endpoint) => `'${endpoint}'`);
    throw invalid(
      `Invalid value: '${wish.endpoint}'. Supported values are: ${known.join(', ')}.`,
      'endpoint',
      'invalid_value',
    );
  }
  return wish;
}

function listBatches({ head, batches }: LookupContext): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const all = batches.list(PREFIX);
  const from = all.findIndex(({ id }) => id === query.get('after')) + 1;
  const page = all.slice(from, from + Number(query.get('limit') ?? DEFAULT_LIMIT));
  const data = page.map((batch) => describeBatch(batch, batches));
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return json({ object: 'list', data, ...ends, has_more: from + page.length < all.length });
}

function cancelBatch(batch: Batch, { batches }: LookupContext): EncodedAnswer | Refusal {
  if (batch.cancel()) return json(describeBatch(batch, batches));
  const message = `Cannot cancel a batch with status '${batch.state}'.`;
  return { kind: 'invalid', message, param: null, code: null, status: 409 };
}

function withBatch(
  { head, batches }: LookupContext,
  use: (batch: Batch) => EncodedAnswer | Refusal,
): EncodedAnswer | Refusal {
  const id = BATCH_PATH.exec(head.path)![1]!;
  const batch = id.startsWith(PREFIX) ? batches.find(id) : null;
  if (batch !== null) return use(batch);
  return { kind: 'invalid', message: `No batch found with id '${id}'.`, param: null, code: null, status: 404 };
}

const STATUSES: Partial<Record<BatchState, string>> = { running: 'in_progress' };

function describeBatch(batch: Batch, desk: Batches) {
  const { id, state, facts, createdAtMs, answers, failedLines, inputFaults } = batch;
  const { output, error } = resultFiles(batch, desk);
  const at = (reached: BatchState) => toSeconds(batch.reachedAtMs[reached]);
  const isCounted = state !== 'validating' && state !== 'failed';
  return {
    id,
    object: 'batch',
    endpoint: facts.endpoint,
    model: facts.model,
    errors: state === 'failed' ? { object: 'list', data: inputFaults } : null,
    input_file_id: facts.inputFileId,
    completion_window: '24h',
    status: STATUSES[state] ?? state,
    output_file_id: output,
    error_file_id: error,
    created_at: toSeconds(createdAtMs),
    in_progress_at: at('running'),
    expires_at: toSeconds(createdAtMs)! + DAY_S,
    finalizing_at: at('completed'),
    completed_at: at('completed'),
    failed_at: at('failed'),
    expired_at: at('expired'),
    cancelling_at: at('cancelling'),
    cancelled_at: at('cancelled'),
    request_counts: {
      total: isCounted ? batch.lines.length : 0,
      completed: answers.length - failedLines,
      failed: failedLines,
    },
    metadata: facts.metadata,
  };
}

function toSeconds(atMs: number | undefined): number | null {
  return atMs === undefined ? null : Math.floor(atMs / 1_000);
}

// Output and error file of a batch that has ended. Wire facts: docs/reference/openai-batch.md section 2.

export interface ResultFiles {
  output: string | null;
  error: string | null;
}

const made = new WeakMap<Batch, ResultFiles>();

const EXPIRED = {
  code: 'batch_expired',
  message: 'This request could not be executed before the completion window expired.',
};

/** Created on the first request for them; files without lines are not created. */
export function resultFiles(batch: Batch, desk: Batches): ResultFiles {
  if (!batch.hasEnded) return { output: null, error: null };
  const known = made.get(batch);
  if (known !== undefined) return known;
  const { output, error } = resultLines(batch);
  const add = (kind: string, lines: readonly string[]) =>
    lines.length === 0
      ? null
      : desk.addFile('file-', {
          name: `${batch.id}_${kind}.jsonl`,
          purpose: 'batch_output',
          text: `${lines.join('\n')}\n`,
        }).id;
  const files = { output: add('output', output), error: add('error', error) };
  made.set(batch, files);
  return files;
}

/** In reverse order, because the provider does not keep the order either. */
function resultLines({ lines, answers, state }: Batch): { output: string[]; error: string[] } {
  const output: string[] = [];
  const error: string[] = [];
  for (const [index, { requestId, status, body }] of answers.entries()) {
    const response = { status_code: status, request_id: requestId, body: JSON.parse(body) as unknown };
    const line = { id: `batch_${requestId}`, custom_id: lines[index]!.customId, response, error: null };
    (status < 300 ? output : error).unshift(JSON.stringify(line));
  }
  if (state === 'expired') {
    for (const { customId } of lines.slice(answers.length)) {
      error.unshift(
        JSON.stringify({ id: `batch_req_${customId}`, custom_id: customId, response: null, error: EXPIRED }),
      );
    }
  }
  return { output, error };
}
