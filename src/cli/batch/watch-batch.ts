// Follows a batch to its end. All state is on the server: watching can stop and go on at any time, from anywhere.
import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchClient } from './batch-client.ts';
import { createBatchMeter, describeReading } from './batch-meter.ts';
import { type BatchObject, hasEnded } from './batch-object.ts';
import { CommandError } from './exit-codes.ts';
import { startProgress } from './terminal-progress.ts';

/** A small batch is done before a second has passed. */
const FIRST_WAIT_MS = 200;
/** As long as it moves; one that stands still is asked less and less often. */
const MOVING_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;
const SLOWER = 1.5;
const TROUBLE_WAIT_MS = 2_000;
/** A server that restarts is waited for; one that is gone is said after about two minutes. */
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

/** Rides out trouble that may pass. What is wrong from the start (an id, an address) was said by the first call. */
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
      say(`${error.message}; trying again`);
      await sleep(Math.min(LONGEST_WAIT_MS, TROUBLE_WAIT_MS * 2 ** (failures - 1)));
    }
  }
}
