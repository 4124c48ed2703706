// Reads a recording from Sluice: `sluice costs export --per attempt --format csv`. Latency, cost and reliability of its
// providers at any moment are those of the recorded calls around that moment.
import { parse } from 'csv-parse/sync';
import { FAILURES, type FailureCode } from '#src/contracts/failure-table.ts';
import type { Call, ProviderFacts, World } from './simulate.ts';

interface Recorded extends Call {
  atMs: number;
}

interface Row {
  provider: string;
  model: string;
  outcome: string;
  attempt: string;
  started_at: string;
  first_byte_ms: string;
  duration_ms: string;
  cost_usd: string;
}

/** The result of a simulated call is drawn from this many recorded calls before and after it. */
const AROUND = 10;
const LEAST_CALLS = 20;

/** Throws an Error that describes the problem if the file is unusable. @param model only calls of this public model. */
export function readRecording(csv: string | Buffer, model?: string): World {
  const rows = (parse(csv, { columns: true, bom: true, relax_column_count: true }) as Row[]).filter(
    (row) => model === undefined || row.model === model,
  );
  const missing = ['provider', 'outcome', 'attempt', 'started_at', 'first_byte_ms', 'duration_ms', 'cost_usd'].filter(
    (name) => rows[0] !== undefined && !(name in rows[0]),
  );
  if (missing.length > 0) throw new Error(`this is not an export of attempts: it has no column ${missing.join(', ')}`);
  const telling = rows.filter(({ outcome }) => saysSomething(outcome));
  const beginMs = telling.reduce((least, { started_at: at }) => Math.min(least, Number(at)), Number.POSITIVE_INFINITY);
  const byProvider = Map.groupBy(telling, ({ provider }) => provider);
  const calls = new Map(
    [...byProvider].map(([name, own]) => [name, own.map((row) => recorded(row, beginMs)).sort(byTime)]),
  );
  for (const [name, own] of calls) if (own.length < LEAST_CALLS) calls.delete(name);
  if (calls.size < 2) {
    throw new Error(`at least two providers with ${LEAST_CALLS} calls each are required`);
  }
  const firsts = telling.filter(({ attempt }) => attempt === '1').map(({ started_at: at }) => Number(at) - beginMs);
  const arrivalsMs = firsts.sort((a, b) => a - b);
  return {
    providers: providersOf(calls),
    lengthMs: Math.max(1, arrivalsMs.at(-1) ?? 0),
    arrivalsMs,
    callAt(name, atMs, random) {
      const own = calls.get(name)!;
      const place = own.findLastIndex((call) => call.atMs <= atMs);
      const from = Math.max(0, Math.min(place - AROUND + 1, own.length - 2 * AROUND));
      return own[Math.min(own.length - 1, from + Math.floor(random() * 2 * AROUND))]!;
    },
  };
}

/** In static order: providers with the most calls first. */
function providersOf(calls: ReadonlyMap<string, readonly Recorded[]>): ProviderFacts[] {
  return [...calls]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([name, own], index) => {
      const answered = own.filter(({ failed }) => !failed);
      const total = answered.reduce((sum, { costUsd }) => sum + costUsd, 0);
      return { name, tier: index + 1, costUsd: total / Math.max(1, answered.length) };
    });
}

/** Excludes failures caused by the request itself or cancelled by its client, which are no property of the provider. */
function saysSomething(outcome: string): boolean {
  if (outcome === 'ok') return true;
  const rule = FAILURES[outcome as FailureCode] as { cooldown: string } | undefined;
  return outcome === 'upstream_rate_limited' || (rule !== undefined && rule.cooldown !== 'none');
}

function recorded(row: Row, beginMs: number): Recorded {
  const durationMs = Number(row.duration_ms);
  const firstTokenMs = row.first_byte_ms === '' ? durationMs : Number(row.first_byte_ms);
  const failed = row.outcome !== 'ok';
  const costUsd = Number(row.cost_usd);
  return { atMs: Number(row.started_at) - beginMs, firstTokenMs: failed ? durationMs : firstTokenMs, failed, costUsd };
}

const byTime = (a: Recorded, b: Recorded) => a.atMs - b.atMs;
