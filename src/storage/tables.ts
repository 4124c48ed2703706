// The SQL tables as code sees them. Times are unix milliseconds, money is picodollars, both whole numbers.
import type { BatchTables } from './batch-tables.ts';
import type { OptionalWhole, Whole } from './columns.ts';
import type { DeadLetterTables } from './dead-letter-tables.ts';
import type { NativeTables } from './native-tables.ts';
import type { RejectTables } from './reject-tables.ts';
import type { ResponseTables } from './response-tables.ts';
import type { WebhookTables } from './webhook-tables.ts';

export interface Tables
  extends BatchTables,
    DeadLetterTables,
    NativeTables,
    RejectTables,
    ResponseTables,
    WebhookTables {
  api_keys: ApiKeysTable;
  ledger_entries: LedgerEntriesTable;
  requests: RequestsTable;
}

export interface ApiKeysTable {
  id: string;
  name: string;
  /** SHA-256 of the whole key, hex. The key has 160 random bits, so a slow hash would protect nothing. */
  hash: string;
  /** First characters, to recognise it by. */
  hint: string;
  /** JSON: limits, budget, allowed models. */
  settings: string;
  created_at: Whole;
  revoked_at: OptionalWhole;
}

/** One attempt, one row. */
export interface LedgerEntriesTable {
  request_id: string;
  attempt: Whole;
  day: string;
  key_id: string;
  model: string;
  provider: string;
  deployment: string;
  upstream_model: string;
  protocol: string;
  lane: string;
  is_stream: Whole;
  state: string;
  outcome: string;
  started_at: Whole;
  queue_ms: Whole;
  first_byte_ms: OptionalWhole;
  duration_ms: Whole;
  input_tokens: Whole;
  cached_input_tokens: Whole;
  cache_write_tokens: Whole;
  output_tokens: Whole;
  reasoning_tokens: Whole;
  cost_pico_usd: Whole;
  /** JSON of what explains the cost (CostDetails); null where there is nothing to explain. */
  details: string | null;
}

/** One accepted request, one row, written when it has ended. */
export interface RequestsTable {
  request_id: string;
  day: string;
  key_id: string;
  model: string;
  protocol: string;
  lane: string;
  is_stream: Whole;
  outcome: string;
  provider: string | null;
  upstream_model: string | null;
  accepted_at: Whole;
  finished_at: Whole;
  attempts: Whole;
  cost_pico_usd: Whole;
  charge_units: Whole;
  /** JSON: where the time went. */
  timeline: string;
}
