// What happened in a slice of time, in figures that can be added up: counts, tokens, money, and latencies as counts by bucket,
// from which quantiles are read. Filled from SQL (recent-figures.ts) and from the ledger's stream as it comes.
import type { LedgerEntry, RequestOutcome } from '../contracts/ledger-entry.ts';

export interface Figures {
  /** Requests that ended, and those of them that failed. */
  requests: number;
  failed: number;
  inputTokens: number;
  outputTokens: number;
  costPicoUsd: bigint;
  /** Failed requests by code. */
  codes: Map<string, number>;
  /** From acceptance to the first byte of the answer, and to its end, of requests that were answered. */
  firstByte: number[];
  total: number[];
}

/** Each is a fifth longer than the one before: a quantile is right within that. From 5 ms to three quarters of an hour. */
const RATIO = 1.2;
const FIRST_BOUND_MS = 5;
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from({ length: 72 }, (_, index) =>
  Math.round(FIRST_BOUND_MS * RATIO ** index),
);

export function noFigures(): Figures {
  const buckets = () => new Array<number>(LATENCY_BOUNDS_MS.length + 1).fill(0);
  return {
    requests: 0,
    failed: 0,
    inputTokens: 0,
    outputTokens: 0,
    costPicoUsd: 0n,
    codes: new Map(),
    firstByte: buckets(),
    total: buckets(),
  };
}

export function addOutcome(figures: Figures, { outcome, acceptedAtMs, finishedAtMs }: RequestOutcome): void {
  figures.requests += 1;
  if (outcome === 'ok') figures.total[bucketOf(finishedAtMs - acceptedAtMs)]! += 1;
  else countFailures(figures, outcome, 1);
}

export function countFailures(figures: Figures, code: string, count: number): void {
  figures.failed += count;
  figures.codes.set(code, (figures.codes.get(code) ?? 0) + count);
}

export function addAttempt(figures: Figures, entry: LedgerEntry): void {
  figures.inputTokens += entry.inputTokens;
  figures.outputTokens += entry.outputTokens;
  figures.costPicoUsd += BigInt(entry.costPicoUsd);
  const { outcome, firstByteMs, queueMs } = entry;
  if (outcome === 'ok' && firstByteMs !== null) figures.firstByte[bucketOf(queueMs + firstByteMs)]! += 1;
}

function bucketOf(ms: number): number {
  const at = Math.ceil(Math.log(Math.max(ms, 1) / FIRST_BOUND_MS) / Math.log(RATIO));
  return Math.min(Math.max(at, 0), LATENCY_BOUNDS_MS.length);
}

/** Milliseconds below which this part of the counted ones lies; null where nothing is counted. */
export function quantile(counts: readonly number[], part: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let left = part * all;
  for (const [bucket, count] of counts.entries()) {
    if (left > count || count === 0) {
      left -= count;
      continue;
    }
    const from = LATENCY_BOUNDS_MS[bucket - 1] ?? 0;
    const to = LATENCY_BOUNDS_MS[bucket] ?? from * RATIO;
    return Math.round(from + (to - from) * (left / count));
  }
  return LATENCY_BOUNDS_MS.at(-1)!;
}
