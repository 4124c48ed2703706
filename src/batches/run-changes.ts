// The single changes that an owner's transactions are made of (run-store.ts).
import type { Kysely } from 'kysely';
import type { BatchEventType, BatchStatus } from '../contracts/batch.ts';
import type { Tables } from '../storage/tables.ts';
import { createEventOutbox } from './event-outbox.ts';

/** The right to run a batch. */
export interface Lease {
  batchId: string;
  keyId: string;
  epoch: number;
}

/** Another process owns the batch: whoever gets this must stop at once and leave everything as it is. */
export class LeaseLost extends Error {
  constructor(batchId: string) {
    super(`batch ${batchId} has another owner`);
    this.name = 'LeaseLost';
  }
}

/** Also locks the row: of two owners only one can be between here and its commit. */
export async function guard(transaction: Kysely<Tables>, { batchId, epoch }: Lease): Promise<void> {
  const result = await transaction
    .updateTable('batch_runs')
    .set({ epoch })
    .where('batch_id', '=', batchId)
    .where('epoch', '=', epoch)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw new LeaseLost(batchId);
}

/** A move from a state that the batch is not in any more (it was cancelled) does nothing. */
export async function move(
  transaction: Kysely<Tables>,
  { batchId }: Lease,
  from: BatchStatus,
  change: Record<string, unknown>,
): Promise<boolean> {
  const result = await transaction
    .updateTable('batches')
    .set(change)
    .where('id', '=', batchId)
    .where('status', '=', from)
    .executeTakeFirst();
  return result.numUpdatedRows > 0n;
}

export async function close(
  transaction: Kysely<Tables>,
  lease: Lease,
  type: BatchEventType,
  atMs: number,
): Promise<void> {
  await transaction.deleteFrom('batch_runs').where('batch_id', '=', lease.batchId).execute();
  await createEventOutbox(transaction).append({ type, batchId: lease.batchId, keyId: lease.keyId, atMs });
}

/** Said once, however often the forecast changes its mind. */
export async function warn(transaction: Kysely<Tables>, { batchId, keyId }: Lease): Promise<void> {
  const atMs = Date.now();
  const result = await transaction
    .updateTable('batches')
    .set({ warned_at: atMs })
    .where('id', '=', batchId)
    .where('warned_at', 'is', null)
    .executeTakeFirst();
  if (result.numUpdatedRows > 0n) {
    await createEventOutbox(transaction).append({ type: 'batch.at_risk', batchId, keyId, atMs });
  }
}
