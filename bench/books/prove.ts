// Sends requests of all kinds through a broker whose providers fail, while a process that writes the ledger is killed repeatedly.
// At the end the ledger, its roll-ups, budgets, credits and the providers' bills must agree to the picodollar.
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { createRandom, nextFraction } from '#simulator/engine/answers/random.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { picoOfCharge } from '#src/contracts/money.ts';
import { chargesByDay, reportUsage } from '#src/ledger/reports.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { readSpending } from '#src/storage/rollups.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';
import { SPOKEN, SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';

export interface ProofOptions {
  requests: number;
  /** Number of kills of the ledger writer. */
  kills: number;
  /** How often the worker is stopped for some seconds. */
  stalls?: number;
  atOnce: number;
  /** SQLite if absent. */
  databaseUrl?: string;
  onProgress: (line: string) => void;
}

export interface Proof {
  requests: number;
  statuses: Record<string, number>;
  attempts: number;
  faults: number;
  kills: number;
  /** The compared sums, picodollars. */
  sums: Record<string, bigint>;
  /** Empty if all sums agree. */
  differences: string[];
}

/** Only faults that the broker reads to the end, so that its count equals the provider's bill. */
const FAULTS = ['503 chance=0.02', '500 chance=0.01', '429:50 chance=0.01', 'reset chance=0.01', 'cut@6 chance=0.02'];
FAULTS.push('end_early@9 chance=0.01', 'malformed@5 chance=0.01', 'error_event@8 chance=0.01');
const BUDGET = '1000000000000000000';
const TERMS = { markupPpm: 150_000, stepUnits: 1 };
const KEYS = 4;
const CLOSED_LIMIT_MS = 120_000;

interface Payer {
  id: string;
  secret: string;
  hasCredits: boolean;
}

export async function proveBooks(options: ProofOptions): Promise<Proof> {
  const vendors = await startProviders({ faults: FAULTS, tokens: 12, keptRequests: 0 });
  const broker = await startBroker({
    configuration: configurationFor(vendors),
    ...(options.databaseUrl === undefined ? {} : { databaseUrl: options.databaseUrl }),
  });
  try {
    const payers = await createPayers(broker);
    const stalling = stallProcesses(broker, options);
    const statuses = await playAll(broker, payers, options);
    await stalling;
    await booksClosed(broker, CLOSED_LIMIT_MS);
    options.onProgress('the books are closed');
    return { ...(await compare(broker, vendors, payers)), requests: options.requests, statuses, kills: options.kills };
  } finally {
    await broker.stop();
    await vendors.close();
  }
}

/** Shorter than leases, locks and limits of commands last, and longer. */
const STALL_MS = [1_500, 3_000, 7_500, 5_500, 12_000];

/** Each in turn: the worker, the API, Redis, worker and API, all three in a row. */
async function stallProcesses(broker: TestBroker, { stalls = 0, onProgress }: ProofOptions): Promise<void> {
  const [worker, api] = [broker.workers[0]!.child, broker.apis[0]!.child];
  const stop = async (name: string, set: (isStopped: boolean) => void, ms: number) => {
    onProgress(`${name} is stopped for ${ms} ms`);
    set(true);
    await sleep(ms);
    set(false);
  };
  const ofChild = (child: typeof worker) => (isStopped: boolean) => void child.kill(isStopped ? 'SIGSTOP' : 'SIGCONT');
  const ofRedis = (isStopped: boolean) => (isStopped ? broker.redis.freeze() : broker.redis.thaw());
  for (let count = 0; count < stalls; count++) {
    await sleep(PAUSE_MS);
    const ms = STALL_MS[count % STALL_MS.length]!;
    const kind = count % 4;
    if (kind === 0) await stop('the worker', ofChild(worker), ms);
    if (kind === 1) await stop('the API', ofChild(api), ms);
    if (kind === 2) await stop('Redis', ofRedis, ms);
    if (kind === 3) await Promise.all([stop('the worker', ofChild(worker), ms), stop('Redis', ofRedis, ms / 2)]);
  }
}

/** Between two stalls. */
const PAUSE_MS = 4_000;

function configurationFor({ primary, secondary }: Providers): ConfigurationInput {
  return {
    providers: {
      primary: provider(primary),
      secondary: { ...provider(secondary), protocols: ['anthropic-messages'], base_url: secondary.url },
      // For the process that only writes the ledger.
      idle: provider(primary),
    },
    models: {
      pair: { deployments: [deployment('primary', 'pair'), deployment('secondary', 'pair', { tier: 2 })] },
      other: { deployments: [deployment('secondary', 'other'), deployment('primary', 'other', { tier: 2 })] },
      idle: { deployments: [deployment('idle', 'idle')] },
    },
  };
}

async function createPayers(broker: TestBroker): Promise<Payer[]> {
  const payers: Payer[] = [];
  for (let index = 0; index < KEYS; index++) {
    const hasCredits = index % 2 === 0;
    const settings = { budgets: { total: BUDGET, day: BUDGET }, ...(hasCredits ? { credits: TERMS } : {}) };
    const { id, secret } = await broker.createKey(`payer ${index}`, settings);
    if (hasCredits) {
      const headers = { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' };
      const init = { method: 'POST', headers, body: JSON.stringify({ amount_usd: 100_000 }) };
      const answer = await fetch(`${broker.url}/admin/accounts/${id}/credits`, init);
      if (answer.status !== 201) throw new Error(`credits were not accepted: ${await answer.text()}`);
    }
    payers.push({ id, secret, hasCredits });
  }
  return payers;
}

async function playAll(broker: TestBroker, payers: Payer[], options: ProofOptions): Promise<Record<string, number>> {
  const { requests, kills, atOnce, onProgress } = options;
  const random = createRandom(7);
  const statuses: Record<string, number> = {};
  let [done, killed] = [0, 0];
  let killing = broker.startWorker(['--provider', 'idle']);
  const killWhenDue = () => {
    if (killed >= kills || done < ((killed + 0.5) * requests) / kills) return;
    killed += 1;
    killing = killing.then(async (writer) => {
      await writer.kill();
      onProgress(`${done} of ${requests} requests, the writer was killed ${killed} times`);
      return broker.startWorker(['--provider', 'idle']);
    });
  };
  await mapConcurrently(
    Array.from({ length: requests }, (_, index) => index),
    atOnce,
    async (index) => {
      const payer = payers[Math.floor(nextFraction(random) * payers.length)]!;
      const name = SPOKEN[Math.floor(nextFraction(random) * SPOKEN.length)]!;
      const [isStream, model] = [nextFraction(random) < 0.5, nextFraction(random) < 0.5 ? 'pair' : 'other'];
      const spoken = SPOKEN_PROTOCOLS[name];
      const body = spoken.body({ model, prompt: `Request ${index} of the proof.`, isStream });
      const { status } = await ask(broker.url, { path: spoken.path(model, isStream), body, key: payer.secret });
      statuses[String(status)] = (statuses[String(status)] ?? 0) + 1;
      done += 1;
      killWhenDue();
    },
  );
  await killing;
  return statuses;
}

async function compare(broker: TestBroker, vendors: Providers, payers: Payer[]) {
  const { database } = broker;
  const rows = await ledgerRows(broker);
  const sum = (values: bigint[]) => values.reduce((all, value) => all + value, 0n);
  const reported = async (per: 'attempt' | 'request') =>
    sum((await reportUsage(database, { per, groupBy: ['hour', 'key'] })).map(({ costPicoUsd }) => costPicoUsd));
  const requests = await database
    .selectFrom('requests')
    .select(['cost_pico_usd', 'charge_units', 'credit_account'])
    .execute();
  const charges = requests
    .filter(({ credit_account: account }) => account !== null)
    .map((row) => picoOfCharge(Number(row.charge_units)));
  const sums: Record<string, bigint> = {
    'the providers bill': sum(vendors.bill().map(({ costPicoUsd }) => costPicoUsd)),
    'attempts in the ledger': sum(rows.map(({ costPicoUsd }) => costPicoUsd)),
    'requests in the ledger': sum(requests.map((row) => BigInt(row.cost_pico_usd))),
    'roll-ups of attempts': await reported('attempt'),
    'roll-ups of requests': await reported('request'),
    'budgets in Redis': await spentInRedis(broker, payers, 'total'),
  };
  const credits: Record<string, bigint> = {
    'charges in the ledger': sum(charges),
    'charges in statements': await statements(broker, payers),
    'credits in Redis': await spentInRedis(
      broker,
      payers.filter(({ hasCredits }) => hasCredits),
      'credits',
    ),
  };
  const differences = [...differing(sums), ...differing(credits), ...attemptsThatDiffer(rows, vendors)];
  differences.push(...(await requestsThatDiffer(broker)));
  for (const { id } of payers) {
    const { costPicoUsd } = await readSpending(database, 'key_id', id, null);
    const spent = await spentInRedis(broker, [{ id }], 'total');
    if (spent !== costPicoUsd) differences.push(`${id}: ${spent} of its budget, ${costPicoUsd} in the ledger`);
  }
  return { attempts: rows.length, faults: faultsOf(vendors), sums: { ...sums, ...credits }, differences };
}

function differing(sums: Record<string, bigint>): string[] {
  const [first, ...others] = Object.entries(sums);
  return others
    .filter(([, value]) => value !== first![1])
    .map(([name, value]) => `${name}: ${value}, ${first![0]}: ${first![1]}`);
}

function attemptsThatDiffer(rows: Awaited<ReturnType<typeof ledgerRows>>, vendors: Providers): string[] {
  const written = new Map(rows.map((row) => [`${row.requestId}.${row.attempt}`, row]));
  const wrong = vendors
    .bill()
    .filter(({ clientRequestId, costPicoUsd }) => written.get(clientRequestId ?? '')?.costPicoUsd !== costPicoUsd);
  return wrong.map(({ clientRequestId, costPicoUsd, outcome }) => {
    const row = written.get(clientRequestId ?? '');
    return `${clientRequestId}: billed ${costPicoUsd} (${outcome}), ${row === undefined ? 'not in the ledger' : `${row.costPicoUsd} (${row.outcome}, ${row.state})`}`;
  });
}

/** Requests without a row, or whose cost is not the sum of their attempts, with what the logs say of them. */
async function requestsThatDiffer({ database, apis, workers }: TestBroker): Promise<string[]> {
  const { rows } = await sql<{
    id: string;
    outcome: string | null;
    cost: string | null;
    sum: string;
    timeline: string;
  }>`
    select sums.request_id as id, outcome, cast(cost_pico_usd as text) as cost, cast(sum as text) as sum, timeline
    from (select request_id, sum(cost_pico_usd) as sum from ledger_entries group by request_id) as sums
    left join requests on requests.request_id = sums.request_id
    where cost_pico_usd is null or cost_pico_usd <> sum limit 20`.execute(database);
  const logs = [...apis, ...workers].flatMap((process) => process.log().split('\n'));
  return rows.map(({ id, outcome, cost, sum, timeline }) => {
    const said = logs.filter((line) => line.includes(id)).join('\n    ');
    return `${id} (${outcome ?? 'not in the ledger'}): ${cost}, its attempts ${sum}\n  ${timeline}\n    ${said}`;
  });
}

function faultsOf({ primary, secondary }: Providers): number {
  return [primary, secondary]
    .flatMap((simulator) => Object.values(simulator.stats().faults))
    .reduce((all, count) => all + count, 0);
}

async function spentInRedis(
  { redis: { client } }: TestBroker,
  payers: readonly { id: string }[],
  period: string,
): Promise<bigint> {
  let all = 0n;
  for (const { id } of payers) {
    const [spent, held] = await client.hmget(createKeyspace('sluice').budget(`${id}:${period}`), 'spent', 'held');
    if (BigInt(held ?? 0) !== 0n) throw new Error(`${id} has ${held} reserved although no request is open`);
    all += BigInt(spent ?? 0);
  }
  return all;
}

async function statements({ database }: TestBroker, payers: readonly Payer[]): Promise<bigint> {
  let all = 0n;
  for (const { id } of payers) for (const { charge } of await chargesByDay(database, id, {})) all += charge;
  return all;
}
