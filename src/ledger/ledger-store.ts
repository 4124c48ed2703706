// The books in SQL. Every message may arrive more than once (the stream redelivers after a crash): an attempt and a
// request have one row each, and only an unsettled attempt may be replaced, by what it really cost.
import type { Insertable } from 'kysely';
import type { LedgerEntry, LedgerMessage, RequestOutcome } from '../contracts/ledger-entry.ts';
import type { Database } from '../storage/database.ts';
import type { LedgerEntriesTable, RequestsTable } from '../storage/tables.ts';

export interface LedgerStore {
  /** One transaction. Safe to repeat. */
  insert(messages: readonly LedgerMessage[]): Promise<void>;
}

/** `YYYY-MM-DD` in UTC: what reports group by. */
export function dayOf(unixMs: number): string {
  return new Date(unixMs).toISOString().slice(0, 10);
}

export function createLedgerStore(database: Database): LedgerStore {
  return {
    async insert(messages) {
      const entries = oneRowPerAttempt(messages);
      const requests = oneRowPerRequest(messages);
      await database.transaction().execute(async (transaction) => {
        if (entries.length > 0) {
          await transaction
            .insertInto('ledger_entries')
            .values(entries.map(entryRow))
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
                }))
                .where('ledger_entries.state', '=', 'unsettled')
                .where('excluded.state', '!=', 'unsettled'),
            )
            .execute();
        }
        if (requests.length > 0) {
          await transaction
            .insertInto('requests')
            .values(requests.map(requestRow))
            .onConflict((conflict) => conflict.column('request_id').doNothing())
            .execute();
        }
      });
    },
  };
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
  };
}
