// Batches in SQL as the process that runs them sees them. One process owns a batch by a lease; the lease's epoch is a fencing
// token in every write, so SQL refuses an owner that was replaced without noticing.
import type { Kysely, Selectable, Transaction } from 'kysely';
import { ACTIVE_STATUSES, type BatchEventType, type BatchFault, type BatchStatus } from '../contracts/batch.ts';
import type { BatchRunsTable } from '../storage/batch-tables.ts';
import type { BlobPiece } from '../storage/blobs.ts';
import { asNumber, type Database } from '../storage/database.ts';
import type { Tables } from '../storage/tables.ts';
import { type Batch, readBatch, totalsRow } from './batch.ts';
import { createEventOutbox } from './event-outbox.ts';
import { fileRow, type StoredFile } from './file-store.ts';
import { decodePosition, encodePosition, type RunPosition } from './input-lines.ts';
import type { LineTotals } from './line-result.ts';
import type { Forecast } from './pacing.ts';

interface RunState {
  position: RunPosition;
  outputPieces: BlobPiece[];
  errorPieces: BlobPiece[];
}

export interface ActiveBatch {
  batch: Batch;
  store: string;
  owner: string | null;
  leaseUntilMs: number;
}

export interface ClaimedRun extends RunState {
  lease: Lease;
  replyShards: number;
}

export type FinalStatus = 'completed' | 'expired' | 'cancelled';

export interface RunStore {
  /** All batches that have not ended, earliest deadline first. */
  listActive(): Promise<ActiveBatch[]>;
  /** Null if another process was faster. */
  claim(batch: Batch, owner: string, leaseMs: number): Promise<ClaimedRun | null>;
  /** False if the lease is lost. */
  renew(lease: Lease, leaseMs: number): Promise<boolean>;
  /** Other processes may claim it at once. */
  release(lease: Lease): Promise<void>;
  /** validating → in_progress. Returns the batch after that; it may have been cancelled in the meantime. */
  begin(lease: Lease, found: { total: number; model: string | null }): Promise<Batch>;
  /** validating → failed. */
  fail(lease: Lease, faults: readonly BatchFault[]): Promise<void>;
  /** Makes appended bytes part of the result files, and their lines done. */
  commit(lease: Lease, state: RunState, totals: LineTotals, forecast: Forecast): Promise<void>;
  /** in_progress → finalizing. False if it was cancelled in the meantime. */
  beginFinalizing(lease: Lease): Promise<boolean>;
  finish(
    lease: Lease,
    status: FinalStatus,
    files: { output: StoredFile | null; error: StoredFile | null },
  ): Promise<void>;
}

export function createRunStore(database: Database): RunStore {
  /** Runs `change` in a transaction that only the owner can commit. */
  function owned<T>(lease: Lease, change: (transaction: Transaction<Tables>) => Promise<T>): Promise<T> {
    return database.transaction().execute(async (transaction) => {
      await guard(transaction, lease);
      return change(transaction);
    });
  }

  return {
    async listActive() {
      const rows = await database
        .selectFrom('batches')
        .innerJoin('batch_runs', 'batch_runs.batch_id', 'batches.id')
        .selectAll('batches')
        .select(['batch_runs.store', 'batch_runs.owner', 'batch_runs.lease_until'])
        .where('batches.status', 'in', [...ACTIVE_STATUSES])
        .orderBy('batches.expires_at')
        .execute();
      return rows.map((row) => ({
        batch: readBatch(row),
        store: row.store,
        owner: row.owner,
        leaseUntilMs: asNumber(row.lease_until),
      }));
    },

    async claim(batch, owner, leaseMs) {
      const now = Date.now();
      const row = await database
        .updateTable('batch_runs')
        .set((column) => ({ owner, lease_until: now + leaseMs, epoch: column('epoch', '+', 1) }))
        .where('batch_id', '=', batch.id)
        .where((column) => column.or([column('owner', 'is', null), column('lease_until', '<', now)]))
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : readRun(batch, row);
    },

    async renew({ batchId, epoch }, leaseMs) {
      const result = await database
        .updateTable('batch_runs')
        .set({ lease_until: Date.now() + leaseMs })
        .where('batch_id', '=', batchId)
        .where('epoch', '=', epoch)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },

    async release({ batchId, epoch }) {
      await database
        .updateTable('batch_runs')
        .set({ owner: null, lease_until: 0 })
        .where('batch_id', '=', batchId)
        .where('epoch', '=', epoch)
        .execute();
    },

    begin: (lease, { total, model }) =>
      owned(lease, async (transaction) => {
        await move(transaction, lease, 'validating', {
          status: 'in_progress',
          in_progress_at: Date.now(),
          total,
          model,
        });
        const batch = transaction.selectFrom('batches').selectAll().where('id', '=', lease.batchId);
        return readBatch(await batch.executeTakeFirstOrThrow());
      }),

    fail: (lease, faults) =>
      owned(lease, async (transaction) => {
        const [status, at] = ['failed', Date.now()] as const;
        const errors = JSON.stringify(faults);
        const isDone = await move(transaction, lease, 'validating', { status, failed_at: at, errors, total: 0 });
        if (isDone) await close(transaction, lease, 'batch.failed', at);
      }),

    commit: (lease, state, totals, { etaMs, isAtRisk }) =>
      owned(lease, async (transaction) => {
        await transaction
          .updateTable('batch_runs')
          .set({
            position: encodePosition(state.position),
            output_pieces: JSON.stringify(state.outputPieces),
            error_pieces: JSON.stringify(state.errorPieces),
          })
          .where('batch_id', '=', lease.batchId)
          .execute();
        if (isAtRisk) await warn(transaction, lease);
        await transaction
          .updateTable('batches')
          .set({ ...totalsRow(totals), eta: etaMs, is_at_risk: isAtRisk ? 1 : 0 })
          .where('id', '=', lease.batchId)
          .execute();
      }),

    beginFinalizing: (lease) =>
      owned(lease, (transaction) =>
        move(transaction, lease, 'in_progress', { status: 'finalizing', finalizing_at: Date.now() }),
      ),

    finish: (lease, status, { output, error }) =>
      owned(lease, async (transaction) => {
        const at = Date.now();
        const files = [output, error].filter((file) => file !== null);
        if (files.length > 0) await transaction.insertInto('files').values(files.map(fileRow)).execute();
        await transaction
          .updateTable('batches')
          .set({
            status,
            [`${status}_at`]: at,
            output_file_id: output?.id ?? null,
            error_file_id: error?.id ?? null,
            eta: null,
            is_at_risk: 0,
          })
          .where('id', '=', lease.batchId)
          .execute();
        await close(transaction, lease, `batch.${status}`, at);
      }),
  };
}

function readRun(batch: Batch, row: Selectable<BatchRunsTable>): ClaimedRun {
  return {
    lease: { batchId: batch.id, keyId: batch.keyId, epoch: asNumber(row.epoch) },
    replyShards: asNumber(row.reply_shards),
    position: decodePosition(row.position),
    outputPieces: JSON.parse(row.output_pieces) as BlobPiece[],
    errorPieces: JSON.parse(row.error_pieces) as BlobPiece[],
  };
}

/** The right to run a batch. */
export interface Lease {
  batchId: string;
  keyId: string;
  epoch: number;
}

/** Another process owns the batch: the caller must stop at once and write nothing. */
export class LeaseLost extends Error {
  constructor(batchId: string) {
    super(`batch ${batchId} has another owner`);
    this.name = 'LeaseLost';
  }
}

/** Checks the lease and locks its row until the transaction ends. */
export async function guard(transaction: Kysely<Tables>, { batchId, epoch }: Lease): Promise<void> {
  const result = await transaction
    .updateTable('batch_runs')
    .set({ epoch })
    .where('batch_id', '=', batchId)
    .where('epoch', '=', epoch)
    .executeTakeFirst();
  if (result.numUpdatedRows === 0n) throw new LeaseLost(batchId);
}

/** Changes the status. Does nothing if the batch is no longer in `from`, because it was cancelled. */
async function move(
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

async function close(transaction: Kysely<Tables>, lease: Lease, type: BatchEventType, atMs: number): Promise<void> {
  await transaction.deleteFrom('batch_runs').where('batch_id', '=', lease.batchId).execute();
  await createEventOutbox(transaction).append({ type, batchId: lease.batchId, keyId: lease.keyId, atMs });
}

/** Once per batch, however often its forecast changes. */
async function warn(transaction: Kysely<Tables>, { batchId, keyId }: Lease): Promise<void> {
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
