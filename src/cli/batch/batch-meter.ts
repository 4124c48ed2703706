// How fast a batch moves, from what its server says of it over time. Pure: the clock is handed in.
import { type BatchObject, costOf } from './batch-object.ts';
import { formatCount, formatDollars, formatDuration } from './figures.ts';

export interface Reading {
  /** Lines that have ended, well or not. */
  done: number;
  total: number;
  failed: number;
  /** Null while there is nothing to measure, or where the server counts no tokens. */
  tokensPerSecond: number | null;
  costUsd: number | null;
  /** Until all lines have ended; null while unknown. */
  remainingMs: number | null;
  isAtRisk: boolean;
}

export interface BatchMeter {
  read(batch: BatchObject, nowMs: number): Reading;
}

interface Sample {
  atMs: number;
  done: number;
  tokens: number;
}

/** Rates are over this last stretch: long enough to be steady, short enough to follow a change. */
const WINDOW_MS = 60_000;

export function createBatchMeter(): BatchMeter {
  const samples: Sample[] = [];

  function rates(sample: Sample): { lines: number; tokens: number } | null {
    samples.push(sample);
    while (samples.length > 2 && sample.atMs - samples[0]!.atMs > WINDOW_MS) samples.shift();
    const first = samples[0]!;
    const seconds = (sample.atMs - first.atMs) / 1_000;
    if (seconds <= 0) return null;
    return { lines: (sample.done - first.done) / seconds, tokens: (sample.tokens - first.tokens) / seconds };
  }

  return {
    read(batch, nowMs) {
      const { total = 0, completed = 0, failed = 0 } = batch.request_counts ?? {};
      const done = completed + failed;
      const tokens = batch.usage?.total_tokens ?? 0;
      const rate = rates({ atMs: nowMs, done, tokens });
      return {
        done,
        total,
        failed,
        tokensPerSecond: rate !== null && rate.tokens > 0 ? rate.tokens : null,
        costUsd: costOf(batch),
        remainingMs: remainingMs(batch, nowMs, total - done, rate?.lines ?? 0),
        isAtRisk: batch.x_sluice_at_risk === true,
      };
    },
  };
}

/** The server's own estimate knows of limits and other batches; the rate so far is the next best. */
function remainingMs(batch: BatchObject, nowMs: number, left: number, linesPerSecond: number): number | null {
  if (typeof batch.x_sluice_eta === 'number') return Math.max(0, batch.x_sluice_eta * 1_000 - nowMs);
  return left > 0 && linesPerSecond > 0 ? Math.round((left / linesPerSecond) * 1_000) : null;
}

/** `12,345/100,000 lines, 3 failed, 812 tokens/s, $1.24, 3 min left` */
export function describeReading(reading: Reading, status: string): string {
  const { done, total, failed, tokensPerSecond, costUsd, remainingMs: left, isAtRisk } = reading;
  const parts = [
    ...(status === 'in_progress' ? [] : [status]),
    ...(total === 0 ? [] : [`${formatCount(done)}/${formatCount(total)} lines`]),
    ...(failed === 0 ? [] : [`${formatCount(failed)} failed`]),
    ...(tokensPerSecond === null ? [] : [`${formatCount(tokensPerSecond)} tokens/s`]),
    ...(costUsd === null ? [] : [formatDollars(costUsd)]),
    ...(left === null || status !== 'in_progress' ? [] : [`${formatDuration(left)} left`]),
    ...(isAtRisk ? ['will miss its window at this rate'] : []),
  ];
  return parts.join(', ');
}
