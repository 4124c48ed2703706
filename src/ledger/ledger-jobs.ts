// Background jobs of processes with a ledger writer: add changes to the roll-ups, sum rows that predate the roll-ups, create
// partitions in advance and delete expired rows. Every worker process runs them; each step is one transaction, and a step that
// another process has done is skipped.
import type { LedgerSettings } from '../config/server-schema.ts';
import type { Database } from '../storage/database.ts';
import { preparePartitions } from '../storage/ledger-partitions.ts';
import { ROLLUPS } from '../storage/rollup-tables.ts';
import { applyRetention } from './retention.ts';
import { addChanges, sumEarlierDay } from './rollups.ts';

export interface LedgerJobs {
  stop(): Promise<void>;
}

export interface LedgerJobsOptions {
  database: Database;
  settings: LedgerSettings;
  replyShards: number;
  /** Called on every failed try; the next try follows later. */
  onError: (error: Error) => void;
}

const EVERY_MS = 5_000;
/** Interval for partitions and retention. */
const SELDOM_MS = 3_600_000;

export function startLedgerJobs({ database, settings, replyShards, onError }: LedgerJobsOptions): LedgerJobs {
  let isStopping = false;
  let wake: () => void = () => undefined;
  let seldomAtMs = 0;

  async function sumEarlierDays(): Promise<void> {
    for (const rollup of Object.values(ROLLUPS)) {
      while (!isStopping && (await sumEarlierDay(database, rollup))) await pause(0);
    }
  }

  async function seldom(): Promise<void> {
    if (isStopping || Date.now() < seldomAtMs) return;
    seldomAtMs = Date.now() + SELDOM_MS;
    await preparePartitions(database, replyShards).catch(onError);
    await applyRetention(database, settings);
  }

  function pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, durationMs).unref();
    });
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      await addChanges(database).then(sumEarlierDays).then(seldom).catch(onError);
      if (!isStopping) await pause(EVERY_MS);
    }
  }

  const running = run();
  return {
    async stop() {
      isStopping = true;
      wake();
      await running;
    },
  };
}
