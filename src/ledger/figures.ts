// Additive figures of a time slice: counts, tokens, money, and latencies as counts per bucket, from which quantiles are computed.
// Filled from SQL (recent-figures.ts) and live from the ledger stream.
import type { LedgerEntry, RequestOutcome } from '../contracts/ledger-entry.ts';

export interface Figures {
  /** Requests that ended, and how many of them failed. */
  requests: number;
  failed: number;
  inputTokens: number;
  outputTokens: number;
  costPicoUsd: bigint;
  /** Failed requests by code. */
  codes: Map<string, number>;
  /** Counts per bucket for answered requests: from acceptance to the first byte of the answer, and to its end. */
  firstByte: number[];
  total: number[];
}

/** Each bound is a fifth above the previous one, which is also the error of a quantile. From 5 ms to 35 minutes. */
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

/** Milliseconds; `part` is from 0 to 1. Null if nothing is counted. */
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
