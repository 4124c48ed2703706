// Creates any number of ledger rows by SQL: three months of 200 keys, 12 models, batches, sessions and tags. The rows are the
// same every time and on both engines.
import { sql } from 'kysely';
import type { Database } from '#src/storage/database.ts';
import { isPostgres } from '#src/storage/rollups.ts';

const DAY_MS = 86_400_000;
export const DAYS = 90;
const CHUNK = 250_000;
/** Odd multipliers: one pseudo-random sequence per choice. */
const MULTIPLIERS = [2654435761, 1597334677, 3812015801, 2246822519, 3266489917, 668265263, 1181783497, 374761393];
const DIGITS = '0123456789abcdefghjkmnpqrstvwxyz';

/** A uniformly distributed integer below `count`. */
function pick(which: number, count: number, of = 'n'): string {
  return `((${of} * ${MULTIPLIERS[which]}) % 4294967296 * ${count} / 4294967296)`;
}

/** As `pick`, but low numbers are more frequent. */
function skewed(first: number, second: number, count: number): string {
  return `(${pick(first, count)} * ${pick(second, count)} / ${count})`;
}

function requestId(time: string): string {
  const digits = Array.from(
    { length: 10 },
    (_, index) => `substr('${DIGITS}', cast((${time}) / ${32 ** (9 - index)} % 32 as integer) + 1, 1)`,
  );
  return `'req_0' || ${digits.join(' || ')} || substr('00000000000000' || n, length('' || n) + 1)`;
}

const KEY = skewed(0, 1, 200);
/** Nine calls in ten use the key's main model. */
const MODEL = `case when ${pick(2, 10)} < 9 then (${KEY}) * 7 % 12 else ${pick(3, 12)} end`;
/** One call in thirty was answered by a fallback provider. */
// In parentheses, because `||` binds tighter than `%` in SQLite.
const PROVIDER = `(((${MODEL}) + case when ${pick(6, 30)} = 0 then 1 else 0 end) % 5)`;
/** One key in eight sends batches. */
const IS_BATCH = `(${KEY}) % 8 = 3`;
const IS_AGENT = `(${KEY}) % 8 = 5`;

/** Columns that are the same for a request and its attempt. */
const SHARED = {
  day: 'day_of',
  key_id: `'key_' || ${KEY}`,
  project_id: `'proj_' || (${KEY} / 8)`,
  organisation_id: `'org_' || (${KEY} / 50)`,
  model: `'model-' || ${MODEL}`,
  upstream_model: `'model-' || ${MODEL} || '-2026'`,
  provider: `'provider-' || ${PROVIDER}`,
  protocol: `case ${KEY} % 3 when 0 then 'openai-chat' when 1 then 'anthropic-messages' else 'openai-responses' end`,
  lane: `case when ${IS_BATCH} then 'batch' else 'interactive' end`,
  is_stream: '1',
  outcome: `case when ${pick(7, 1000)} < 970 then 'ok' when ${pick(7, 1000)} < 985 then 'rate_limited' when ${pick(7, 1000)} < 995 then 'upstream_server_error' else 'request_cancelled' end`,
  batch_id: `case when ${IS_BATCH} then 'batch_' || (n / 20000) || '_' || ${KEY} end`,
  // About thirty calls of an agent per session.
  session: `case when ${IS_AGENT} then 'session_' || (n / 5000) || '_' || ${KEY} || '_' || ${pick(4, 2)} end`,
  tags: `case when (${KEY}) % 4 = 1 then ',team:' || (${KEY} % 12) || ',' end`,
  cost_pico_usd: `1000000 + ${pick(1, 1_000_000)} * 1000 + n % 1000`,
  request_id: requestId('at'),
};

const ATTEMPT = {
  attempt: '1',
  deployment: `'provider-' || ${PROVIDER} || '/model-' || ${MODEL}`,
  credential: `case when (${PROVIDER}) = 0 then 'account-' || ${pick(5, 3)} end`,
  state: `case when ${pick(7, 1000)} < 985 then 'settled' when ${pick(7, 1000)} < 999 then 'estimated' else 'unsettled' end`,
  started_at: 'at',
  queue_ms: pick(1, 50),
  duration_ms: `300 + ${pick(2, 9000)}`,
  first_byte_ms: `100 + ${pick(2, 900)}`,
  input_tokens: pick(3, 8000),
  cached_input_tokens: pick(4, 2000),
  cache_write_tokens: '0',
  output_tokens: pick(5, 1500),
  reasoning_tokens: pick(6, 200),
};

const REQUEST = {
  accepted_at: 'at',
  finished_at: `at + 300 + ${pick(2, 9000)}`,
  attempts: '1',
  charge_units: `1 + ${pick(1, 1_000_000)} / 100000`,
  credit_account: `'org_' || (${KEY} / 50)`,
  timeline: `'[]'`,
};

/** Creates rows in both tables, spread evenly over the days. */
export async function makeRows(database: Database, count: number, onProgress: (made: number) => void): Promise<void> {
  const step = Math.floor((DAYS * DAY_MS) / count);
  const startMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - (DAYS - 1) * DAY_MS;
  const postgres = isPostgres(database);
  for (let from = 0; from < count; from += CHUNK) {
    const to = Math.min(from + CHUNK, count) - 1;
    const at = `${startMs} + n * ${step}`;
    const day = postgres
      ? `to_char(to_timestamp((${at}) / 1000) at time zone 'UTC', 'YYYY-MM-DD')`
      : `strftime('%Y-%m-%d', (${at}) / 1000, 'unixepoch')`;
    const numbers = postgres
      ? `(select n::bigint as n from generate_series(${from}, ${to}) as n)`
      : `(with recursive s (n) as (values (${from}) union all select n + 1 from s where n < ${to}) select n from s)`;
    const source = `(select n, ${at} as at, ${day} as day_of from ${numbers} as numbers) as rows`;
    for (const [table, own] of [
      ['ledger_entries', ATTEMPT],
      ['requests', REQUEST],
    ] as const) {
      const columns = Object.entries({ ...SHARED, ...own });
      const [names, values] = [columns.map(([name]) => name), columns.map(([, value]) => value)];
      await sql.raw(`insert into ${table} (${names}) select ${values} from ${source}`).execute(database);
    }
    onProgress(to + 1);
  }
}
