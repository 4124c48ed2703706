// Reads single requests and their attempts from the ledger, and counts recent outcomes.
import type { CostDetails } from '../contracts/ledger-entry.ts';
import type { TimelinePart } from '../contracts/request-record.ts';
import { asBigint, asNumber, type Database } from '../storage/database.ts';

export interface RequestHistory {
  requestId: string;
  keyId: string;
  model: string;
  protocol: string;
  lane: string;
  isStream: boolean;
  outcome: string;
  provider: string | null;
  acceptedAtMs: number;
  finishedAtMs: number;
  costPicoUsd: bigint;
  chargeUnits: number;
  timeline: TimelinePart[];
}

export interface AttemptHistory {
  attempt: number;
  provider: string;
  deployment: string;
  credential: string | null;
  upstreamModel: string;
  state: string;
  outcome: string;
  startedAtMs: number;
  firstByteMs: number | null;
  durationMs: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costPicoUsd: bigint;
  details: CostDetails;
}

/** Null until its outcome is stored, a fraction of a second after its end. */
export async function findRequest(database: Database, requestId: string): Promise<RequestHistory | null> {
  const row = await database.selectFrom('requests').selectAll().where('request_id', '=', requestId).executeTakeFirst();
  if (row === undefined) return null;
  return {
    requestId,
    keyId: row.key_id,
    model: row.model,
    protocol: row.protocol,
    lane: row.lane,
    isStream: asNumber(row.is_stream) === 1,
    outcome: row.outcome,
    provider: row.provider,
    acceptedAtMs: asNumber(row.accepted_at),
    finishedAtMs: asNumber(row.finished_at),
    costPicoUsd: asBigint(row.cost_pico_usd),
    chargeUnits: asNumber(row.charge_units),
    timeline: JSON.parse(row.timeline) as TimelinePart[],
  };
}

export async function listAttempts(database: Database, requestId: string): Promise<AttemptHistory[]> {
  const rows = await database
    .selectFrom('ledger_entries')
    .selectAll()
    .where('request_id', '=', requestId)
    .orderBy('attempt')
    .execute();
  return rows.map((row) => ({
    attempt: asNumber(row.attempt),
    provider: row.provider,
    deployment: row.deployment,
    credential: row.credential,
    upstreamModel: row.upstream_model,
    state: row.state,
    outcome: row.outcome,
    startedAtMs: asNumber(row.started_at),
    firstByteMs: row.first_byte_ms === null ? null : asNumber(row.first_byte_ms),
    durationMs: asNumber(row.duration_ms),
    inputTokens: asNumber(row.input_tokens),
    cachedInputTokens: asNumber(row.cached_input_tokens),
    cacheWriteTokens: asNumber(row.cache_write_tokens),
    outputTokens: asNumber(row.output_tokens),
    reasoningTokens: asNumber(row.reasoning_tokens),
    costPicoUsd: asBigint(row.cost_pico_usd),
    details: row.details === null ? {} : (JSON.parse(row.details) as CostDetails),
  }));
}

export interface OutcomeCount {
  deployment: string;
  /** Null if the provider has no named credentials. */
  credential: string | null;
  /** `ok` or a failure code. */
  outcome: string;
  attempts: number;
}

/** Outcomes of the attempts of requests accepted since then, by deployment and credential. */
export async function countOutcomes(database: Database, sinceMs: number): Promise<OutcomeCount[]> {
  const rows = await database
    .selectFrom('requests')
    .innerJoin('ledger_entries', 'ledger_entries.request_id', 'requests.request_id')
    .where('accepted_at', '>=', sinceMs)
    .select((row) => ['deployment', 'credential', 'ledger_entries.outcome', row.fn.countAll().as('attempts')])
    .groupBy(['deployment', 'credential', 'ledger_entries.outcome'])
    .execute();
  return rows.map(({ attempts, ...row }) => ({ ...row, attempts: asNumber(attempts) }));
}
