// Writes the ledger to SQL. A message may arrive more than once (the stream redelivers after a crash): each attempt and each
// request has one row, and only an unsettled attempt is replaced, by its real cost.
import { type CompiledQuery, type Insertable, sql, type Transaction } from 'kysely';
import type { LedgerEntry, LedgerMessage, RequestOutcome } from '../contracts/ledger-entry.ts';
import type { RequestLabels } from '../contracts/request-record.ts';
import type { Database } from '../storage/database.ts';
import type { LedgerEntriesTable, RequestsTable } from '../storage/ledger-tables.ts';
import { RowRefused } from '../storage/refused-rows.ts';
import type { Tables } from '../storage/tables.ts';

export interface LedgerStore {
  /** One transaction. Safe to repeat. Rejects with RowRefused, before SQL is called, if a figure is invalid. */
  insert(messages: readonly LedgerMessage[]): Promise<void>;
}

/** `YYYY-MM-DD` in UTC: what reports group by. */
export function dayOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10);
}

/** Largest insert; rows are inserted in powers of two, so that only a handful of statements are ever compiled. */
const MAX_ROWS_PER_STATEMENT = 64;

export function createLedgerStore(database: Database): LedgerStore {
  const insertEntries = compiledBySize((rows: Insertable<LedgerEntriesTable>[]) =>
    entriesQuery(database, rows).compile(),
  );
  const insertRequests = compiledBySize((rows: Insertable<RequestsTable>[]) => requestsQuery(database, rows).compile());
  return {
    async insert(messages) {
      const entries = oneRowPerAttempt(messages).map(checked(entryRow));
      const requests = oneRowPerRequest(messages).map(checked(requestRow));
      await database.transaction().execute(async (transaction) => {
        await insertEntries(transaction, entries);
        await insertRequests(transaction, requests);
      });
    },
  };
}

/**
 * Building and compiling an insert costs ten times what running it does (measured: 60 µs per row against 6). A statement
 * depends only on its number of rows, so each size is compiled once and executed with new parameters.
 */
function compiledBySize<Row extends object>(compile: (rows: Row[]) => CompiledQuery) {
  const compiled = new Map<number, CompiledQuery>();
  return async (transaction: Transaction<Tables>, rows: Row[]): Promise<void> => {
    let from = 0;
    for (let size = MAX_ROWS_PER_STATEMENT; size > 0; size /= 2) {
      while (rows.length - from >= size) {
        const part = rows.slice(from, from + size);
        let query = compiled.get(size);
        if (query === undefined) {
          query = compile(part);
          compiled.set(size, query);
        }
        await transaction.executeQuery({ ...query, parameters: parametersOf(part, query.parameters.length) });
        from += size;
      }
    }
  };
}

/** In the order of Kysely's placeholders: row by row, members in their order. */
function parametersOf(rows: object[], count: number): unknown[] {
  const parameters = rows.flatMap((row) => Object.values(row) as unknown[]);
  if (parameters.length !== count) throw new Error('an insert has other parameters than its rows');
  return parameters;
}

function entriesQuery(database: Database, rows: Insertable<LedgerEntriesTable>[]) {
  return database
    .insertInto('ledger_entries')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['request_id', 'attempt'])
        .doUpdateSet((row) => ({
          state: row.ref('excluded.state'),
          outcome: row.ref('excluded.outcome'),
          first_byte_ms: row.ref('excluded.first_byte_ms'),
          duration_ms: row.ref('excluded.duration_ms'),
          input_tokens: row.ref('excluded.input_tokens'),
          cached_input_tokens: row.ref('excluded.cached_input_tokens'),
          cache_write_tokens: row.ref('excluded.cache_write_tokens'),
          output_tokens: row.ref('excluded.output_tokens'),
          reasoning_tokens: row.ref('excluded.reasoning_tokens'),
          cost_pico_usd: row.ref('excluded.cost_pico_usd'),
          details: row.ref('excluded.details'),
          credential: row.ref('excluded.credential'),
        }))
        .where(sql<boolean>`ledger_entries.state = 'unsettled' and excluded.state <> 'unsettled'`),
    );
}

function requestsQuery(database: Database, rows: Insertable<RequestsTable>[]) {
  return database
    .insertInto('requests')
    .values(rows)
    .onConflict((conflict) => conflict.column('request_id').doNothing());
}

/** PostgreSQL refuses a statement that touches a row twice. */
function oneRowPerAttempt(messages: readonly LedgerMessage[]): LedgerEntry[] {
  const rows = new Map<string, LedgerEntry>();
  for (const { attempt } of messages) {
    if (attempt === undefined) continue;
    const key = `${attempt.requestId} ${attempt.attempt}`;
    const known = rows.get(key);
    if (known === undefined || known.state === 'unsettled') rows.set(key, attempt);
  }
  return [...rows.values()];
}

function oneRowPerRequest(messages: readonly LedgerMessage[]): RequestOutcome[] {
  const rows = new Map<string, RequestOutcome>();
  for (const { request } of messages) {
    if (request !== undefined && !rows.has(request.requestId)) rows.set(request.requestId, request);
  }
  return [...rows.values()];
}

/** A million dollars for one attempt or request: more is an error, and would spoil every sum that includes it. */
const MAX_PICO_USD = 10n ** 18n;
const WHOLE = /^\d{1,40}$/;

/**
 * The same check for both engines: PostgreSQL refuses what is not a whole number; SQLite stores anything, and sums over it
 * fail later.
 */
function checked<Source, Row extends object>(rowOf: (source: Source) => Row): (source: Source) => Row {
  return (source) => {
    try {
      const row = rowOf(source);
      for (const [column, value] of Object.entries(row)) checkValue(column, value);
      return row;
    } catch (error) {
      if (error instanceof RowRefused) throw error;
      throw new RowRefused(`not a valid row: ${(error as Error).message}`, { cause: error });
    }
  };
}

function checkValue(column: string, value: unknown): void {
  if (!isValue(column, value)) throw new RowRefused(`${column} cannot be ${String(value).slice(0, 40)}`);
}

function isValue(column: string, value: unknown): boolean {
  if (column === 'cost_pico_usd')
    return typeof value === 'string' && WHOLE.test(value) && BigInt(value) <= MAX_PICO_USD;
  if (typeof value === 'number') return Number.isSafeInteger(value) && (value >= 0 || !column.endsWith('_tokens'));
  return typeof value === 'string' || value === null;
}

function entryRow(entry: LedgerEntry): Insertable<LedgerEntriesTable> {
  return {
    request_id: entry.requestId,
    attempt: entry.attempt,
    day: dayOf(entry.startedAtMs),
    key_id: entry.keyId,
    model: entry.model,
    provider: entry.provider,
    deployment: entry.deployment,
    upstream_model: entry.upstreamModel,
    protocol: entry.protocol,
    lane: entry.lane,
    is_stream: entry.isStream ? 1 : 0,
    state: entry.state,
    outcome: entry.outcome,
    started_at: entry.startedAtMs,
    queue_ms: entry.queueMs,
    first_byte_ms: entry.firstByteMs,
    duration_ms: entry.durationMs,
    input_tokens: entry.inputTokens,
    cached_input_tokens: entry.cachedInputTokens,
    cache_write_tokens: entry.cacheWriteTokens,
    output_tokens: entry.outputTokens,
    reasoning_tokens: entry.reasoningTokens,
    cost_pico_usd: entry.costPicoUsd,
    details: entry.details === undefined ? null : JSON.stringify(entry.details),
    credential: entry.credential ?? null,
    project_id: entry.projectId ?? null,
    organisation_id: entry.organisationId ?? null,
    ...labelsOf(entry),
  };
}

/** Tags stand between commas, so that each can be found. */
function labelsOf({ labels: { batch, session, tags = [] } = {} }: { labels?: RequestLabels }) {
  return {
    batch_id: batch ?? null,
    session: session ?? null,
    tags: tags.length === 0 ? null : `,${tags.join(',')},`,
  };
}

function requestRow(request: RequestOutcome): Insertable<RequestsTable> {
  return {
    request_id: request.requestId,
    day: dayOf(request.acceptedAtMs),
    key_id: request.keyId,
    model: request.model,
    protocol: request.protocol,
    lane: request.lane,
    is_stream: request.isStream ? 1 : 0,
    outcome: request.outcome,
    provider: request.provider,
    upstream_model: request.upstreamModel,
    accepted_at: request.acceptedAtMs,
    finished_at: request.finishedAtMs,
    attempts: request.attempts,
    cost_pico_usd: request.costPicoUsd,
    charge_units: request.chargeUnits,
    project_id: request.projectId ?? null,
    organisation_id: request.organisationId ?? null,
    credit_account: request.creditAccount ?? null,
    ...labelsOf(request),
    timeline: JSON.stringify(request.timeline ?? []),
  };
}
