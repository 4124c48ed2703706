// Follows a batch to its end. All state is on the server, so watching can be stopped and resumed at any time, from anywhere.
// Rates are computed from what the server reports over time; that part is pure, the clock is passed in.
import { setTimeout as sleep } from 'node:timers/promises';
import { formatCount, formatDollars, formatDuration } from '../terminal.ts';
import type { BatchClient } from './batch-client.ts';
import { type BatchObject, costOf, hasEnded } from './batch-object.ts';
import { CommandError } from './exit-codes.ts';
import { startProgress } from './terminal-progress.ts';

/** A small batch is done within a second. */
const FIRST_WAIT_MS = 200;
/** Interval while the batch makes progress; otherwise it is polled less and less often. */
const MOVING_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
const SLOWER = 1.5;
const TROUBLE_WAIT_MS = 2_000;
/** Long enough for a server to restart; one that is gone is reported after about two minutes. */
const MAX_FAILURES_IN_A_ROW = 12;

export async function watchBatch(client: BatchClient, batchId: string): Promise<BatchObject> {
  const progress = startProgress(batchId);
  const meter = createBatchMeter();
  let waitMs = FIRST_WAIT_MS;
  let seen = '';
  let status = '';
  try {
    for (;;) {
      const isFirst = status === '';
      const batch = await (isFirst ? client.retrieve(batchId) : retrievePatiently(client, batchId, progress.say));
      const reading = meter.read(batch, Date.now());
      if (batch.status !== status) progress.say(`${batchId} is ${batch.status}`);
      status = batch.status;
      progress.update(reading.done, reading.total, describeReading(reading, status));
      if (hasEnded(batch)) return batch;
      const state = `${status} ${reading.done}`;
      waitMs = Math.min(state === seen ? LONGEST_WAIT_MS : MOVING_WAIT_MS, waitMs * SLOWER);
      seen = state;
      await sleep(waitMs);
    }
  } finally {
    progress.end();
  }
}

/** Retries while an error may be temporary. A wrong id or address was reported by the first call already. */
async function retrievePatiently(
  client: BatchClient,
  batchId: string,
  say: (line: string) => void,
): Promise<BatchObject> {
  for (let failures = 1; ; failures++) {
    try {
      return await client.retrieve(batchId);
    } catch (error) {
      const isFinal = !(error instanceof CommandError) || !error.isTemporary;
      if (isFinal || failures >= MAX_FAILURES_IN_A_ROW) throw error;
      say(`${error.message}; retrying`);
      await sleep(Math.min(LONGEST_WAIT_MS, TROUBLE_WAIT_MS * 2 ** (failures - 1)));
    }
  }
}

export interface Reading {
  /** Lines that have ended, successfully or not. */
  done: number;
  total: number;
  failed: number;
  /** Null while there is nothing to measure, or if the server does not count tokens. */
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

/** Rates are averaged over this time: long enough to be steady, short enough to follow a change. */
const RATE_SPAN_MS = 60_000;

export function createBatchMeter(): BatchMeter {
  const samples: Sample[] = [];

  function rates(sample: Sample): { lines: number; tokens: number } | null {
    samples.push(sample);
    while (samples.length > 2 && sample.atMs - samples[0]!.atMs > RATE_SPAN_MS) samples.shift();
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

/** The server's estimate takes limits and other batches into account; without it, the rate so far is used. */
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
    ...(isAtRisk ? ['will exceed its completion window at this rate'] : []),
  ];
  return parts.join(', ');
}
