// Reads recent figures from SQL, with which a newly opened console starts its graphs. Reads in steps of one minute, newest first,
// and yields to the event loop between steps.
import { type RawBuilder, sql } from 'kysely';
import { asNumber, type Database } from '../storage/database.ts';
import { readMoney, sumOfMoney } from '../storage/money-sums.ts';
import { countFailures, type Figures, LATENCY_BOUNDS_MS } from './figures.ts';

export interface RecentQuery {
  /** Range of end times of requests and attempts, unix ms: `fromMs` inclusive, `untilMs` exclusive. */
  fromMs: number;
  untilMs: number;
  sliceMs: number;
  /** The figures of the slice that starts at this time, unix ms. */
  sliceAt(ms: number): Figures;
}

const STEP_MS = 60_000;
/** Requests are looked up by acceptance, from this long before the range: those that ran longer are left out. */
const LONGEST_REQUEST_MS = 600_000;

export async function readRecent(database: Database, query: RecentQuery): Promise<void> {
  for (let untilMs = query.untilMs; untilMs > query.fromMs - LONGEST_REQUEST_MS; untilMs -= STEP_MS) {
    await readStep(database, query, untilMs - STEP_MS, untilMs);
    await new Promise(setImmediate);
  }
}

async function readStep(database: Database, query: RecentQuery, fromMs: number, untilMs: number): Promise<void> {
  const { sliceMs } = query;
  const accepted = database
    .selectFrom('requests')
    .where('accepted_at', '>=', fromMs)
    .where('accepted_at', '<', untilMs);
  const requests = await accepted
    .where('finished_at', '>=', query.fromMs)
    .where('finished_at', '<', query.untilMs)
    .select((row) => [
      sliceOf(sql.ref('finished_at'), sliceMs).as('slice'),
      'outcome',
      bucketCase(sql`finished_at - accepted_at`).as('bucket'),
      row.fn.countAll().as('count'),
    ])
    .groupBy(['slice', 'outcome', 'bucket'])
    .execute();
  for (const { slice, outcome, bucket, count } of requests) {
    const figures = query.sliceAt(asNumber(slice) * sliceMs);
    figures.requests += asNumber(count);
    if (outcome === 'ok') figures.total[asNumber(bucket)]! += asNumber(count);
    else countFailures(figures, outcome, asNumber(count));
  }
  const endedAt = sql`ledger_entries.started_at + ledger_entries.duration_ms`;
  const attempts = await accepted
    .innerJoin('ledger_entries', 'ledger_entries.request_id', 'requests.request_id')
    .where(sql<boolean>`${endedAt} >= ${query.fromMs} and ${endedAt} < ${query.untilMs}`)
    .select((row) => [
      sliceOf(endedAt, sliceMs).as('slice'),
      sql<unknown>`case when ledger_entries.outcome = 'ok' and first_byte_ms is not null
        then ${bucketCase(sql`queue_ms + first_byte_ms`)} else -1 end`.as('bucket'),
      row.fn.countAll().as('count'),
      row.fn.sum('input_tokens').as('input'),
      row.fn.sum('output_tokens').as('output'),
      ...sumOfMoney('ledger_entries.cost_pico_usd', 'cost'),
    ])
    .groupBy(['slice', 'bucket'])
    .execute();
  for (const row of attempts) {
    const figures = query.sliceAt(asNumber(row.slice) * sliceMs);
    figures.inputTokens += asNumber(row.input);
    figures.outputTokens += asNumber(row.output);
    figures.costPicoUsd += readMoney(row, 'cost');
    const bucket = asNumber(row.bucket);
    if (bucket >= 0) figures.firstByte[bucket]! += asNumber(row.count);
  }
}

function sliceOf(time: RawBuilder<unknown>, sliceMs: number): RawBuilder<unknown> {
  return sql<unknown>`(${time}) / ${sql.raw(String(sliceMs))}`;
}

/** SQL for the bucket of a duration (figures.ts). */
function bucketCase(duration: RawBuilder<unknown>): RawBuilder<unknown> {
  const cases = LATENCY_BOUNDS_MS.map((bound, index) => sql`when ${duration} <= ${sql.raw(`${bound} then ${index}`)}`);
  return sql<unknown>`case ${sql.join(cases, sql` `)} else ${sql.raw(String(LATENCY_BOUNDS_MS.length))} end`;
}
