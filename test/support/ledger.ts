// The ledger of a broker, read when all requests are settled, and compared with the providers' bill.
import { expect } from 'vitest';
import type { BillEntry } from '#simulator/engine/records/bill.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import type { TestBroker } from './broker.ts';
import { attemptOf, type Providers } from './providers.ts';
import { waitFor } from './wait.ts';

export interface LedgerRow {
  requestId: string;
  attempt: number;
  provider: string;
  state: string;
  outcome: string;
  inputTokens: number;
  outputTokens: number;
  costPicoUsd: bigint;
}

const LIMIT_MS = 20_000;
const keys = createKeyspace('sluice');

/** Resolves when no attempt is open and every message has reached SQL. */
export async function booksClosed({ redis: { client } }: TestBroker, limitMs = LIMIT_MS): Promise<void> {
  const isClosed = async () =>
    (await client.hlen(keys.openAttempts)) === 0 && (await client.xlen(keys.ledgerStream)) === 0;
  await waitFor('the books to be closed', isClosed, limitMs);
}

/** Messages not yet written to SQL. */
export function openEntries({ redis: { client } }: TestBroker): Promise<number> {
  return client.xlen(keys.ledgerStream);
}

/** All rows so far, by request and attempt. */
export async function ledgerRows({ database }: TestBroker, requestId?: string): Promise<LedgerRow[]> {
  let select = database.selectFrom('ledger_entries').selectAll().orderBy('request_id').orderBy('attempt');
  if (requestId !== undefined) select = select.where('request_id', '=', requestId);
  return (await select.execute()).map((row) => ({
    requestId: row.request_id,
    attempt: Number(row.attempt),
    provider: row.provider,
    state: row.state,
    outcome: row.outcome,
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    costPicoUsd: BigInt(row.cost_pico_usd),
  }));
}

/** The outcome of an accepted request: waits until it has been written. */
export async function requestRow({ database }: TestBroker, requestId: string, limitMs = LIMIT_MS) {
  const find = () => database.selectFrom('requests').selectAll().where('request_id', '=', requestId).executeTakeFirst();
  return waitFor(`the outcome of ${requestId}`, find, limitMs);
}

/** Rows of a request that has ended, one per attempt. */
export async function closedRows(broker: TestBroker, requestId: string): Promise<LedgerRow[]> {
  const { attempts } = await requestRow(broker, requestId);
  return waitFor(`${attempts} entries of ${requestId}`, async () => {
    const rows = await ledgerRows(broker, requestId);
    return rows.length >= Number(attempts) ? rows : null;
  });
}

/** Compares attempt by attempt, to the picodollar: the ledger has exactly what the providers bill. */
export function expectLedgerEqualsBill(rows: readonly LedgerRow[], vendors: Providers, requestId?: string): void {
  const written = rows
    .filter(({ costPicoUsd }) => costPicoUsd > 0n)
    .map(({ requestId: id, attempt, costPicoUsd }) => `${id}.${attempt}: ${costPicoUsd}`);
  const billed = vendors
    .bill(requestId)
    .map((entry) => `${entry.clientRequestId?.split('.')[0]}.${attemptOf(entry)}: ${entry.costPicoUsd}`);
  expect(written.sort()).toEqual(billed.sort());
}

/**
 * A stream that broke off: its provider may have sent more than had arrived by then, up to a second's worth on a busy machine
 * (50 ms per token).
 */
export function asFarAsItCame(entry: BillEntry, rows: readonly LedgerRow[]): BillEntry {
  const id = `${entry.clientRequestId?.split('.')[0]}.${attemptOf(entry)}`;
  const row = rows.find(({ requestId, attempt }) => `${requestId}.${attempt}` === id);
  if (row === undefined || row.state !== 'estimated') return entry;
  const more = BigInt(entry.costPicoUsd) - row.costPicoUsd;
  return more > 0n && more <= 20n * OUTPUT_TOKEN_PICO_USD ? { ...entry, costPicoUsd: row.costPicoUsd } : entry;
}

/** PRICE.output, for one token. */
const OUTPUT_TOKEN_PICO_USD = 10_000_000n;
