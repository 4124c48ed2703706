// How fast the ledger is written to PostgreSQL, and how long reports over it take.
// `node bench/ledger.ts [--rows 1000000] [--written 50000]`: so many rows are made by SQL for the reports, and so many are
// written as the ledger writer does, in its transactions. Needs PostgreSQL on this machine.
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { type ReportDimension, type ReportSubject, reportUsage } from '#src/ledger/reports.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, written: { type: 'string', default: '50000' } },
});
/** As src/ledger/ledger-writer.ts. */
const BATCH_MESSAGES = 256;
const DAY_MS = 86_400_000;
const DAYS = 90;

const postgres = await startTestPostgres();
if (postgres === null) throw new Error('this machine has no PostgreSQL');
const database = await openDatabase(postgres.url, (error) => console.error(error.message));
try {
  await write(Number(values.written));
  await fill(Number(values.rows));
  await report('attempt', ['day', 'model']);
  await report('attempt', ['provider', 'status', 'settlement']);
  await report('request', ['month', 'key']);
  await report('attempt', ['model'], 1);
} finally {
  await database.destroy();
  await postgres.stop();
}

async function write(count: number): Promise<void> {
  const store = createLedgerStore(database);
  const startedAtMs = performance.now();
  for (let from = 0; from < count; from += BATCH_MESSAGES) {
    await store.insert(Array.from({ length: Math.min(BATCH_MESSAGES, count - from) }, (_, n) => message(from + n)));
  }
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const perSecond = Math.round(count / seconds);
  console.log(
    `written: ${count} requests with an attempt each in ${seconds.toFixed(1)} s: ${perSecond} messages, ${2 * perSecond} rows a second`,
  );
}

function message(index: number): LedgerMessage {
  const common = {
    requestId: `req_bench_${String(index).padStart(10, '0')}`,
    keyId: `key_${index % 50}`,
    model: `model-${index % 8}`,
    protocol: 'openai-chat',
    lane: 'interactive' as const,
    isStream: true,
    outcome: 'ok',
    provider: `provider-${index % 3}`,
    upstreamModel: `model-${index % 8}`,
    costPicoUsd: String(1_000_000 + index),
  };
  const atMs = Date.now() - (index % DAYS) * DAY_MS;
  return {
    attempt: {
      ...common,
      attempt: 1,
      deployment: `${common.provider}/${common.model}`,
      state: 'settled',
      startedAtMs: atMs,
      queueMs: 1,
      firstByteMs: 300,
      durationMs: 900,
      inputTokens: 1_000,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 200,
      reasoningTokens: 0,
    },
    request: { ...common, acceptedAtMs: atMs, finishedAtMs: atMs + 900, attempts: 1, timeline: [], chargeUnits: 1 },
  };
}

/** Copies what was written, over and over, under other ids. */
async function fill(rows: number): Promise<void> {
  for (const table of ['ledger_entries', 'requests']) {
    const { rows: found } = await sql<{ name: string }>`
      select column_name as name from information_schema.columns
      where table_name = ${table} and table_schema = current_schema()`.execute(database);
    const columns = found.map(({ name }) => name);
    const shown = columns.map((name) => (name === 'request_id' ? `request_id || '_' || n` : name));
    await sql`set statement_timeout = 0`.execute(database);
    for (let copy = 0, have = Number(values.written); have < rows; copy += 1, have += Number(values.written)) {
      await sql
        .raw(
          `insert into ${table} (${columns}) select ${shown} from ${table}, (select ${copy} as n) copy where request_id ~ '^req_bench_[0-9]{10}$'`,
        )
        .execute(database);
    }
    await sql`analyze ${sql.table(table)}`.execute(database);
  }
}

async function report(per: ReportSubject, groupBy: ReportDimension[], days = DAYS): Promise<void> {
  const from = new Date(Date.now() - days * DAY_MS).toISOString().slice(0, 10);
  const startedAtMs = performance.now();
  const rows = await reportUsage(database as Database, { per, groupBy, from });
  const count = rows.reduce((sum, row) => sum + (row.requests ?? row.attempts), 0);
  const ms = Math.round(performance.now() - startedAtMs);
  console.log(
    `report per ${per} by ${groupBy.join(', ')}: ${count} rows of the ledger, ${rows.length} of the report, ${ms} ms`,
  );
}
