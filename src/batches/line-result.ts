// Results of lines: as they are written into result files, what they add up to, and which failures are retried instead.
// Wire facts: docs/reference/openai-batch.md section 2, "Output and error files".

import { MAX_LINE_TRIES } from '../contracts/batch.ts';
import type { Failure } from '../contracts/failure.ts';
import { type FailureCode, ruleOf } from '../contracts/failure-table.ts';
import { parseUsd } from '../contracts/money.ts';

export type LineResult =
  /** The endpoint's answer, successful or not. */
  | { kind: 'answered'; requestId: string; status: number; body: Buffer }
  /** Not run: the deadline passed, or the batch was cancelled, before there was an answer. */
  | { kind: 'expired' }
  | { kind: 'cancelled' };

/** Failure is read from the status: `error` is null in either case (openai/openai-openapi#302). */
export function isSuccess(result: LineResult): boolean {
  return result.kind === 'answered' && result.status < 300;
}

const NOT_RUN = {
  expired: {
    code: 'batch_expired',
    message: 'This request could not be executed before the completion window expired.',
  },
  cancelled: { code: 'batch_cancelled', message: 'This request was not executed: its batch was cancelled.' },
};

const LINE_END = Buffer.from('},"error":null}\n');

/** @param lineId names a line that never had a request. */
export function encodeResult(customId: string, result: LineResult, lineId: string): Buffer {
  if (result.kind !== 'answered') {
    const error = NOT_RUN[result.kind];
    return Buffer.from(
      `${JSON.stringify({ id: `batch_req_${lineId}`, custom_id: customId, response: null, error })}\n`,
    );
  }
  const { requestId, status, body } = result;
  const head = `{"id":"batch_req_${requestId.slice('req_'.length)}","custom_id":${JSON.stringify(customId)},"response":{"status_code":${status},"request_id":"${requestId}","body":`;
  return Buffer.concat([Buffer.from(head), onOneLine(body), LINE_END]);
}

/** Some providers format JSON over several lines. A raw line break in JSON is always white space between tokens. */
function onOneLine(json: Buffer): Buffer {
  if (!json.includes(0x0a) && !json.includes(0x0d)) return json;
  return Buffer.from(json.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)));
}

/** Sums over the lines of a batch. */
export interface LineTotals {
  completed: number;
  failed: number;
  notRun: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Picodollars: the sum of the costs that the answers state. */
  costPicoUsd: bigint;
}

export const NO_TOTALS: LineTotals = Object.freeze({
  completed: 0,
  failed: 0,
  notRun: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costPicoUsd: 0n,
});

/** Adds one line's result to `totals`, in place. */
export function countResult(totals: LineTotals, result: LineResult): void {
  if (result.kind !== 'answered') totals.notRun += 1;
  else if (!isSuccess(result)) totals.failed += 1;
  else {
    totals.completed += 1;
    addUsage(totals, readUsage(result.body));
  }
}

type Numbers = Record<string, unknown> | null | undefined;

const USAGE = Buffer.from('"usage"');

/**
 * Reads the usage without parsing the whole answer: it is near the end, and only the text from it on is parsed. If that member is
 * nested, the brackets of this text do not balance and it does not parse; then the whole answer is parsed.
 */
function readUsage(body: Buffer): Numbers {
  const at = body.lastIndexOf(USAGE);
  return at < 0 ? null : (parseUsage(`{${body.toString('utf8', at)}`) ?? parseUsage(body.toString()))?.usage;
}

function parseUsage(json: string): { usage?: Numbers } | null {
  try {
    return JSON.parse(json) as { usage?: Numbers };
  } catch {
    return null;
  }
}

/** Per line: a larger figure is a provider's error, and could keep the batch's row from being written. */
const MAX_TOKENS = 1e9;
const MAX_COST_USD = 1e6;

const count = (value: unknown): number =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= MAX_TOKENS ? (value as number) : 0;

/** Chat and embeddings have `prompt_tokens`, Responses and Messages `input_tokens`; Messages counts its cache apart. */
function addUsage(totals: LineTotals, usage: Numbers): void {
  if (usage === null || usage === undefined) return;
  const inputDetails = (usage.prompt_tokens_details ?? usage.input_tokens_details) as Numbers;
  const outputDetails = (usage.completion_tokens_details ?? usage.output_tokens_details) as Numbers;
  const cacheRead = count(usage.cache_read_input_tokens);
  totals.inputTokens +=
    count(usage.prompt_tokens ?? usage.input_tokens) + cacheRead + count(usage.cache_creation_input_tokens);
  totals.cachedInputTokens += count(inputDetails?.cached_tokens) + cacheRead;
  totals.outputTokens += count(usage.completion_tokens ?? usage.output_tokens);
  totals.reasoningTokens += count(outputDetails?.reasoning_tokens);
  const { cost } = usage;
  if (typeof cost === 'number' && cost > 0 && cost <= MAX_COST_USD) totals.costPicoUsd += parseUsd(String(cost));
}

/** No provider worked on the line: a limit was full, or a deployment was out of rotation. Not counted as a fault. */
const WAITS: ReadonlySet<FailureCode> = new Set([
  'upstream_rate_limited',
  'key_rate_limited',
  'capacity_exhausted',
  'no_deployment',
  'upstream_overloaded',
  'queue_unavailable',
  'shutting_down',
]);
/** Faults of the broker itself, and those that an operator can fix while lines wait. */
const TRIED_AGAIN: ReadonlySet<FailureCode> = new Set([
  'worker_lost',
  'stream_interrupted',
  'upstream_credential_refused',
  'upstream_quota_exhausted',
  'upstream_total_timeout',
]);

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** After this many tries the backoff is longer, so that an outage of a week does not exhaust the numbers of tries. */
const PATIENT_TRIES = 60;
const PATIENT_WAIT_MS = 600_000;

interface LineHistory {
  /** From 1. */
  tryNumber: number;
  /** Tries that a provider failed. */
  faults: number;
}

/**
 * Milliseconds until the next try; null if the failure is the line's result. No client waits on a connection, so failures
 * that pass with time are retried until the batch's deadline, provider faults a few times, faults of the request never.
 */
export function retryWaitMs(failure: Failure, history: LineHistory, maxFaults: number): number | null {
  const isWait = WAITS.has(failure.code);
  const isFault = TRIED_AGAIN.has(failure.code) || ruleOf(failure.code).retry;
  if (!isWait && (!isFault || history.faults >= maxFaults)) return null;
  if (history.tryNumber >= MAX_LINE_TRIES) return null;
  const longestMs = history.tryNumber > PATIENT_TRIES ? PATIENT_WAIT_MS : LONGEST_WAIT_MS;
  const backoffMs = FIRST_WAIT_MS * 2 ** Math.min(history.tryNumber - 1, 10);
  return Math.max(failure.retryAfterMs ?? 0, Math.min(longestMs, backoffMs));
}

export function isWait(failure: Failure): boolean {
  return WAITS.has(failure.code);
}
