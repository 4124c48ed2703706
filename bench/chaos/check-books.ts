// Checks the ledger against the providers' bills and against what clients received, after everything has ended.
import type { BillEntry } from '#simulator/engine/records/bill.ts';
import type { TestBroker } from '#test/support/broker.ts';
import type { Kill } from './fleet.ts';
import type { Seen } from './seen.ts';

export interface BooksInput {
  broker: TestBroker;
  bills: readonly BillEntry[];
  kills: readonly Kill[];
  seen: readonly Seen[];
}

export interface BooksResult {
  violations: string[];
  requests: number;
  attempts: number;
  unsettled: number;
  /** Picodollars. */
  billed: bigint;
  written: bigint;
}

interface Entry {
  id: string;
  requestId: string;
  state: string;
  outcome: string;
  startedAtMs: number;
  inputTokens: number;
  outputTokens: number;
  cost: bigint;
}

/** Outcomes after which the provider may have sent more than the broker read; on a busy machine timeouts are among them. */
const HUNG_UP = new Set([
  'request_cancelled',
  'hedge_lost',
  'stream_interrupted',
  'shutting_down',
  'upstream_first_byte_timeout',
  'upstream_idle_timeout',
]);
/** Upper bound for the duration of any call: no answer takes longer. */
const LONGEST_CALL_MS = 15_000;
/** Longest time from the log entry of an attempt to its entry in the ledger, on a busy machine. */
const WRITTEN_MS = 2_000;
/** Tolerance between the decision to call and the start time in the entry. */
const START_SLACK_MS = 2_000;
/** Tolerance between this process and another one that logs. */
const CLOCK_SLACK_MS = 250;

export async function checkBooks({ broker, bills, kills, seen }: BooksInput): Promise<BooksResult> {
  const entries = await readEntries(broker);
  const outcomes = await readOutcomes(broker);
  const billed = new Map(bills.map((entry) => [entry.clientRequestId ?? '', entry]));
  const known = new Set(entries.map(({ id }) => id));
  const loggedAtMs = attemptsInLogs(broker);
  const workerKills = kills.filter(({ what }) => what !== 'api' && what !== 'redis');
  const violations = [
    ...bills.filter(({ clientRequestId }) => !known.has(clientRequestId ?? '')).map(notInLedger),
    ...(billed.size < bills.length ? [`${bills.length - billed.size} attempts were billed twice`] : []),
    ...entries.flatMap((entry) => checkEntry(entry, billed.get(entry.id), workerKills, loggedAtMs)),
    ...missingOutcomes(entries, outcomes, seen),
  ];
  return {
    violations,
    requests: outcomes.size,
    attempts: entries.length,
    unsettled: entries.filter(({ state }) => state === 'unsettled').length,
    billed: bills.reduce((sum, { costPicoUsd }) => sum + costPicoUsd, 0n),
    written: entries.reduce((sum, { cost }) => sum + cost, 0n),
  };
}

function notInLedger({ clientRequestId, outcome, costPicoUsd }: BillEntry): string {
  return `${clientRequestId}: billed (${outcome}, ${costPicoUsd}) and not in the ledger`;
}

function checkEntry(
  { id, state, outcome, startedAtMs, inputTokens, outputTokens, cost }: Entry,
  bill: BillEntry | undefined,
  workerKills: readonly Kill[],
  loggedAtMs: ReadonlyMap<string, number>,
): string[] {
  if (state === 'unsettled') {
    const logged = loggedAtMs.get(id);
    const from = logged === undefined ? startedAtMs - START_SLACK_MS : logged - CLOCK_SLACK_MS;
    const until = logged === undefined ? startedAtMs + LONGEST_CALL_MS : logged + WRITTEN_MS;
    const isExplained = workerKills.some(({ atMs }) => atMs >= from && atMs <= until);
    return [
      ...(isExplained ? [] : [`${id}: unsettled although its worker was not killed at that time`]),
      ...(cost > 0n ? [] : [`${id}: unsettled without an estimate`]),
    ];
  }
  const owed = bill?.costPicoUsd ?? 0n;
  if (cost === owed) return [];
  const isCutShort = HUNG_UP.has(outcome) && bill?.outcome !== 'broken' && cost < owed;
  // Left before its status arrived, which would have been a refusal: the broker cannot know, and estimates the prompt.
  if (HUNG_UP.has(outcome) && bill === undefined && state === 'estimated' && outputTokens === 0) return [];
  if (isCutShort && (cost === 0n || inputTokens === bill?.usage.inputTokens)) return [];
  return [`${id}: ${state} (${outcome}) with ${cost}, billed ${owed} (${bill?.outcome ?? 'nothing'})`];
}

/** A request counts as accepted if its client was told so, or if a provider was called for it. */
function missingOutcomes(entries: readonly Entry[], outcomes: Map<string, string>, seen: readonly Seen[]): string[] {
  const called = new Set(entries.map(({ requestId }) => requestId).filter((id) => !outcomes.has(id)));
  const accepted = seen.flatMap(({ errand, accepted: ids, ending }) =>
    [...ids].filter((id) => !outcomes.has(id)).map((id) => `${id} (${errand.name}, ${ending}): no outcome`),
  );
  const untrue = seen.filter(
    ({ ending, requestId }) =>
      requestId !== null && ending === 'whole' && outcomes.has(requestId) && outcomes.get(requestId) !== 'ok',
  );
  const passedOff = seen.filter(
    ({ ending, requestId }) => requestId !== null && ending === 'error event' && outcomes.get(requestId) === 'ok',
  );
  return [
    ...[...called].map((id) => `${id}: called a provider, no outcome`),
    ...accepted,
    ...untrue.map(
      ({ requestId }) => `${requestId}: complete for its client, ${outcomes.get(requestId!)} in the ledger`,
    ),
    ...passedOff.map(({ requestId }) => `${requestId}: broken for its client, ok in the ledger`),
  ];
}

async function readEntries({ database }: TestBroker): Promise<Entry[]> {
  const rows = await database.selectFrom('ledger_entries').selectAll().execute();
  return rows.map((row) => ({
    id: `${row.request_id}.${row.attempt}`,
    requestId: row.request_id,
    state: row.state,
    outcome: row.outcome,
    startedAtMs: Number(row.started_at),
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    cost: BigInt(row.cost_pico_usd),
  }));
}

async function readOutcomes({ database }: TestBroker): Promise<Map<string, string>> {
  const rows = await database.selectFrom('requests').select(['request_id', 'outcome']).execute();
  return new Map(rows.map((row) => [row.request_id, row.outcome]));
}

/** When workers logged the end of their attempts. The entry of an answer is written by the next command after that. */
function attemptsInLogs({ apis, workers }: TestBroker): Map<string, number> {
  const loggedAtMs = new Map<string, number>();
  for (const worker of [...apis, ...workers]) {
    for (const line of worker.log().split('\n')) {
      if (!line.includes('"msg":"attempt"')) continue;
      const {
        request_id: id,
        attempt,
        time,
      } = JSON.parse(line) as { request_id: string; attempt: number; time: string };
      loggedAtMs.set(`${id}.${attempt}`, Date.parse(time));
    }
  }
  return loggedAtMs;
}
