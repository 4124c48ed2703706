// `npm run cluster`: runs fleets on every kind of Redis, under load, while a primary is killed. Prints what clients received, the
// longest time without an answer, and whether the ledger equals the providers' bill. Not part of `npm test`: it takes minutes and
// dozens of servers.
//
//   npm run cluster -- [cluster] [sentinel] [valkey] [managed]
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';
import { FLEETS, type RedisFleet } from './redis-fleets.ts';

const CLIENTS = 12;
const BEFORE_MS = 3_000;
const AFTER_MS = 20_000;
const SETTLE_MS = 60_000;

const wanted = process.argv.slice(2);
const names = Object.keys(FLEETS).filter((name) => wanted.length === 0 || wanted.includes(name));
let hasFailed = false;
for (const name of names) {
  const fleet = await FLEETS[name]!();
  if (typeof fleet === 'string') {
    console.log(`${name}: not run, ${fleet}`);
    continue;
  }
  try {
    await run(name, fleet);
  } catch (error) {
    hasFailed = true;
    console.log(`${name}: FAILED: ${(error as Error).message.slice(0, 600)}`);
  } finally {
    await fleet.stop();
  }
}
process.exit(hasFailed ? 1 : 0);

interface Seen {
  atMs: number;
  status: number | null;
}

async function run(name: string, fleet: RedisFleet): Promise<void> {
  const vendors = await startProviders({ tokens: 8 });
  const broker = await startBroker({
    configuration: { ...providerConfiguration(vendors), redis: fleet.settings },
    sharedRedis: fleet.any,
    workers: 2,
    apis: 2,
  });
  try {
    const seen = await load(broker, fleet);
    report(name, seen, await state(broker, vendors));
  } finally {
    await broker.stop();
    await vendors.close();
  }
}

async function load(broker: TestBroker, fleet: RedisFleet): Promise<Seen[]> {
  const seen: Seen[] = [];
  let isOver = false;
  const urls = broker.apis.map(({ details }) => String(details.url));
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let turn = 0; !isOver; turn++) {
      const { status } = await ask(urls[turn % urls.length]!, { prompt: `${client} ${turn}`, stream: turn % 2 === 0 });
      seen.push({ atMs: performance.now(), status });
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 200));
    }
  });
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS));
  await fleet.fail?.();
  const failedAtMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, fleet.fail === null ? BEFORE_MS : AFTER_MS));
  isOver = true;
  await Promise.all(clients);
  const late = seen.filter(({ atMs }) => atMs > failedAtMs);
  if (!late.some(({ status }) => status === 200)) throw new Error('no request was answered any more');
  return seen;
}

/** Compares the ledger with the bill, after every request has ended. */
async function state(broker: TestBroker, vendors: Providers): Promise<string> {
  const answer = await ask(broker.url, { prompt: 'The last one.' });
  if (answer.status !== 200) throw new Error(`the last request: ${answer.status} ${answer.text}`);
  let rows = await ledgerRows(broker);
  let before = -1;
  const isSettled = async () => {
    rows = await ledgerRows(broker);
    const isQuiet = rows.length === before && rows.length >= vendors.primary.stats().calls;
    before = rows.length;
    return isQuiet;
  };
  await waitFor('the ledger', isSettled, SETTLE_MS).catch(() => undefined);
  const calls = vendors.primary.stats().calls + vendors.secondary.stats().calls;
  try {
    expectLedgerEqualsBill(rows, vendors);
    return `${rows.length} entries for ${calls} calls, equal to the bill`;
  } catch {
    const unsettled = rows.filter(({ state }) => state !== 'settled').length;
    return `${rows.length} entries for ${calls} calls, ${unsettled} of them estimates or unsettled`;
  }
}

function report(name: string, seen: readonly Seen[], books: string): void {
  const counts = new Map<string, number>();
  for (const { status } of seen) counts.set(String(status ?? 'cut'), (counts.get(String(status ?? 'cut')) ?? 0) + 1);
  const answered = seen.filter(({ status }) => status === 200).map(({ atMs }) => atMs);
  const gaps = answered.slice(1).map((atMs, index) => atMs - answered[index]!);
  const statuses = [...counts].map(([status, count]) => `${count} × ${status}`).join(', ');
  console.log(`${name}: ${statuses}; no answer for at most ${Math.round(Math.max(...gaps))} ms; ${books}`);
}
