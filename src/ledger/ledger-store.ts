// Writes the ledger to SQL. A message may arrive more than once (the stream redelivers after a crash): each attempt and each
// request has one row, and only an unsettled attempt is overwritten, with its real cost.
import { CompiledQuery, type Insertable, sql, type Transaction } from 'kysely';
import type { LedgerEntry, LedgerMessage, RequestOutcome } from '../contracts/ledger-entry.ts';
import type { RequestLabels } from '../contracts/request-record.ts';
import type { Database } from '../storage/database.ts';
import type { LedgerEntriesTable, RequestsTable } from '../storage/ledger-tables.ts';
import { RowRefused } from '../storage/refused-rows.ts';
import { isPostgres } from '../storage/rollups.ts';
import type { Tables } from '../storage/tables.ts';

export interface LedgerStore {
  /** Maximum messages per transaction. */
  batchMessages: number;
  /** One transaction. Safe to repeat. Rejects with RowRefused, before SQL is called, if a figure is invalid. */
  insert(messages: readonly LedgerMessage[]): Promise<void>;
}

/** `YYYY-MM-DD` in UTC: what reports group by. */
export function dayOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10);
}

/** Takes SQLite a few milliseconds, which block the event loop. */
const SQLITE_BATCH = 256;
/** A transaction costs far more than a row: with four times as many, the server works a fifth less (npm run ledger-rows). */
const POSTGRES_BATCH = 1_024;

export function createLedgerStore(database: Database): LedgerStore {
  const isServer = isPostgres(database);
  const insertRows = isServer ? insertAsJson(database) : insertByStatements(database);
  return {
    batchMessages: isServer ? POSTGRES_BATCH : SQLITE_BATCH,
    async insert(messages) {
      const entries = oneRowPerAttempt(messages).map(checked(entryRow));
      const requests = oneRowPerRequest(messages).map(checked(requestRow));
      await insertRows([
        { ...ENTRIES, rows: entries },
        { ...REQUESTS, rows: requests },
      ]);
    },
  };
}

interface Target {
  table: 'ledger_entries' | 'requests';
  onConflict: string;
}

const REPLACED = ['state', 'outcome', 'first_byte_ms', 'duration_ms', 'input_tokens', 'cached_input_tokens'];
REPLACED.push('cache_write_tokens', 'output_tokens', 'reasoning_tokens', 'cost_pico_usd', 'details', 'credential');

const ENTRIES: Target = {
  table: 'ledger_entries',
  onConflict: `(request_id, attempt) do update set ${REPLACED.map((column) => `${column} = excluded.${column}`)}
    where ledger_entries.state = 'unsettled' and excluded.state <> 'unsettled'`,
};
const REQUESTS: Target = { table: 'requests', onConflict: '(request_id) do nothing' };

/** In one transaction. */
type Insert = (parts: readonly (Target & { rows: object[] })[]) => Promise<void>;

/**
 * Both tables in one statement, which is its own transaction: one round trip instead of four. One parameter per table takes the
 * client a tenth of the work of one per value, and keeps the statement text constant.
 */
function insertAsJson(database: Database): Insert {
  return async (parts) => {
    const inserts = parts
      .filter(({ rows }) => rows.length > 0)
      .map(({ table, onConflict, rows }) => {
        const columns = sql.raw(Object.keys(rows[0]!).join(', '));
        return sql`${sql.ref(`to_${table}`)} as (insert into ${sql.table(table)} (${columns})
          select ${columns} from json_populate_recordset(null::${sql.table(table)}, ${jsonOf(rows)})
          on conflict ${sql.raw(onConflict)})`;
      });
    if (inserts.length > 0) await sql`with ${sql.join(inserts)} select 1`.execute(database);
  };
}

/** NUL and unpaired surrogates, which are valid in JSON but not in PostgreSQL's text. */
const UNSPEAKABLE = /\\u0000|\\ud[89a-f]/;

function jsonOf(rows: object[]): string {
  const json = JSON.stringify(rows);
  if (!UNSPEAKABLE.test(json)) return json;
  return JSON.stringify(rows, (_name, value: unknown) =>
    typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\uFFFD') : value,
  );
}

/** Largest insert. Rows are inserted in powers of two, so that only a few statements are ever prepared. */
const MAX_ROWS_PER_STATEMENT = 64;

function insertByStatements(database: Database): Insert {
  const texts = new Map<string, string>();
  const textFor = ({ table, onConflict }: Target, columns: string[], size: number) => {
    const row = `(${columns.map(() => '?')})`;
    const rows = Array.from({ length: size }, () => row);
    const text =
      texts.get(table + size) ?? `insert into ${table} (${columns}) values ${rows} on conflict ${onConflict}`;
    texts.set(table + size, text);
    return text;
  };
  const insertPart = async (transaction: Transaction<Tables>, target: Target, rows: object[]) => {
    let from = 0;
    for (let size = MAX_ROWS_PER_STATEMENT; size > 0; size /= 2) {
      while (rows.length - from >= size) {
        const part = rows.slice(from, from + size);
        from += size;
        const parameters = part.flatMap((row) => Object.values(row) as unknown[]);
        await transaction.executeQuery(CompiledQuery.raw(textFor(target, Object.keys(part[0]!), size), parameters));
      }
    }
  };
  return (parts) =>
    database.transaction().execute(async (transaction) => {
      for (const { rows, ...target } of parts) await insertPart(transaction, target, rows);
    });
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

/** A million dollars for one attempt or request: more is an error, and would distort every sum that includes it. */
const MAX_PICO_USD = 10n ** 18n;
const WHOLE = /^\d{1,40}$/;

/**
 * The same check for both engines: PostgreSQL rejects values that are not integers; SQLite stores anything, and sums over it
 * fail later.
 */
function checked<Source, Row extends object>(rowOf: (source: Source) => Row): (source: Source) => Row {
  return (source) => {
    try {
      const row = rowOf(source);
      for (const column of Object.keys(row)) checkValue(column, row[column as keyof Row]);
      return row;
    } catch (error) {
      if (error instanceof RowRefused) throw error;
      throw new RowRefused(`not a valid row: ${(error as Error).message}`, { cause: error });
    }
  };
}

function checkValue(column: string, value: unknown): void {
  if (!isValue(column, value)) throw new RowRefused(`invalid value for ${column}: ${String(value).slice(0, 40)}`);
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

/** Tags are enclosed in commas, so that each can be matched. */
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
