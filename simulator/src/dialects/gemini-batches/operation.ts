// A batch as Google's long-running operation. Counts are int64: texts of digits.
import type { Batch, Batches, BatchState } from '../dialect.ts';

export const PREFIX = 'batches/';

const STATES: Record<BatchState, string> = {
  validating: 'BATCH_STATE_PENDING',
  running: 'BATCH_STATE_RUNNING',
  cancelling: 'BATCH_STATE_RUNNING',
  completed: 'BATCH_STATE_SUCCEEDED',
  failed: 'BATCH_STATE_FAILED',
  cancelled: 'BATCH_STATE_CANCELLED',
  expired: 'BATCH_STATE_EXPIRED',
};

/** google.rpc.Code by HTTP status. */
const RPC_CODES: Readonly<Record<number, number>> = {
  400: 3,
  401: 16,
  403: 7,
  404: 5,
  429: 8,
  499: 1,
  500: 13,
  503: 14,
  504: 4,
};

const outputFiles = new WeakMap<Batch, string>();

export function describeOperation(batch: Batch, desk: Batches) {
  const { id, state, facts, lines, answers, failedLines, createdAtMs, reachedAtMs } = batch;
  const endedAtMs = reachedAtMs.completed ?? reachedAtMs.failed ?? reachedAtMs.expired ?? reachedAtMs.cancelled;
  const time = (atMs: number) => new Date(atMs).toISOString();
  const output = hasOutput(batch) ? { output: outputOf(batch, desk) } : {};
  const metadata = {
    '@type': 'type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch',
    model: `models/${facts.model}`,
    displayName: facts.displayName,
    createTime: time(createdAtMs),
    ...(endedAtMs === undefined ? {} : { endTime: time(endedAtMs) }),
    updateTime: time(endedAtMs ?? createdAtMs),
    batchStats: {
      requestCount: String(lines.length),
      successfulRequestCount: String(answers.length - failedLines),
      failedRequestCount: String(failedLines),
      pendingRequestCount: String(lines.length - answers.length),
    },
    state: STATES[state],
    name: id,
    ...output,
  };
  return { name: id, metadata, ...(batch.hasEnded ? { done: true } : {}), ...endOf(batch, output) };
}

function endOf({ state, inputFaults }: Batch, { output }: { output?: object }): object {
  const type = 'type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch';
  if (state === 'completed') return { response: { '@type': type, ...output } };
  if (state === 'failed') return { error: { code: 3, message: inputFaults[0]?.message ?? 'The batch failed.' } };
  if (state === 'expired') return { error: { code: 4, message: 'The batch expired.' } };
  if (state === 'cancelled') return { error: { code: 1, message: 'The batch was cancelled.' } };
  return {};
}

/** Answers from before an early end are available too. */
function hasOutput({ hasEnded, answers }: Batch): boolean {
  return hasEnded && answers.length > 0;
}

function outputOf(batch: Batch, desk: Batches): object {
  if (!batch.facts.isFile) {
    const answers = results(batch).map(({ key, ...result }) => ({ metadata: { key }, ...result }));
    return { inlinedResponses: { inlinedResponses: answers } };
  }
  let name = outputFiles.get(batch);
  if (name === undefined) {
    const text = results(batch).map((result) => `${JSON.stringify(result)}\n`);
    name = desk.addFile('files/', { name: '', purpose: 'batch_output', text: text.join('') }).id;
    outputFiles.set(batch, name);
  }
  return { responsesFile: name };
}

/** In the order of the requests. */
function results({ lines, answers }: Batch): { key: string; response?: unknown; error?: object }[] {
  return answers.map(({ status, body }, index) => {
    const key = lines[index]!.customId;
    const value = JSON.parse(body) as { error: { message: string; details?: unknown } };
    if (status < 300) return { key, response: value };
    const { message, details } = value.error;
    return { key, error: { code: RPC_CODES[status] ?? 2, message, ...(details === undefined ? {} : { details }) } };
  });
}
