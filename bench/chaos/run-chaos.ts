// Runs many clients and a random killer for a bounded time, then checks all guarantees.

import { createRandom, hashText, nextFraction } from '#simulator/engine/answers/random.ts';
import { createBudgetReader } from '#src/accounts/budgets.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { waitFor } from '#test/support/wait.ts';
import { type BooksResult, checkBooks } from './check-books.ts';
import { checkRest, countKeys, keysOf } from './check-redis.ts';
import { runErrand } from './client.ts';
import { chooseErrand } from './errand.ts';
import { createFleet, type Fleet, pause } from './fleet.ts';
import { checkAlive, cutUploads, disturb, replayRejects } from './mixed-faults.ts';
import { checkText, type Seen } from './seen.ts';
import { KEY_KEPT_MS, MODEL, openSetting, type Setting } from './setting.ts';

export interface ChaosOptions {
  durationMs: number;
  clients: number;
  seed: number;
  apis: number;
  workers: number;
  /** Processes that are both. */
  combined?: number;
  /** The model hedges. */
  isHedged?: boolean;
  redisRestarts: number;
  /** No process is killed; everything around them fails in turn (mixed-faults.ts). */
  mixesFaults?: boolean;
  /** Waits until all answers have expired in Redis; otherwise only checks that they will. */
  waitsForDrain: boolean;
  onProgress: (line: string) => void;
}

export interface ChaosReport {
  endings: Record<string, number>;
  resumed: number;
  replayed: number;
  rescued: number;
  kills: Record<string, number>;
  disturbances: Record<string, number>;
  calls: number;
  faults: number;
  books: BooksResult;
  /** Request ids with what was observed. */
  violations: string[];
  /** Logs of all processes if there are violations; entries of the affected requests start with an asterisk. */
  trace: string[];
}

const KILL_EVERY_MS = { least: 1_000, most: 2_000 };
const REDIS_AWAY_MS = { least: 300, most: 1_200 };
const PROGRESS_MS = 5_000;
/** Covers the lease and a sweep for attempts of a dead worker, and the takeover of its ledger messages. */
const BOOKS_LIMIT_MS = 60_000;
/** Added to the time that answers are kept. */
const DRAIN_SLACK_MS = 5_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const setting = await openSetting(options);
  try {
    return await playAndCheck(setting, options);
  } finally {
    await setting.close();
  }
}

async function playAndCheck(setting: Setting, options: ChaosOptions): Promise<ChaosReport> {
  const fleet = createFleet(setting.broker);
  const seen: Seen[] = [];
  const startedAtMs = Date.now();
  const untilMs = startedAtMs + options.durationMs;
  const ticker = setInterval(
    () => options.onProgress(progressLine(Date.now() - startedAtMs, seen, fleet)),
    PROGRESS_MS,
  );
  const [disturbances] = await Promise.all([
    options.mixesFaults ? mixFaults(setting, options, untilMs) : killAtRandom(fleet, options, untilMs),
    ...Array.from({ length: options.clients }, (_, index) => beClient(setting, fleet, options, index, untilMs, seen)),
  ]);
  await fleet.whole();
  options.onProgress('every client has an outcome; checking');
  if (options.mixesFaults) await replayRejects(setting.broker);
  const violations = await checkAll(setting, fleet, seen, options);
  if (options.mixesFaults) violations.push(...checkAlive(setting.broker), ...(await checkBudget(setting)));
  clearInterval(ticker);
  const books = await checkBooks({ broker: setting.broker, bills: setting.bills(), kills: fleet.kills, seen });
  violations.push(...books.violations);
  violations.push(...(await fleet.leave()));
  return {
    endings: countBy(seen, ({ ending }) => ending),
    resumed: seen.filter(({ resumed }) => resumed > 0).length,
    replayed: seen.filter(({ replayed }) => replayed).length,
    rescued: seen.filter(({ rescued }) => rescued).length,
    kills: countBy(fleet.kills, ({ what }) => what),
    disturbances: disturbances ?? {},
    calls: setting.calls(),
    faults: setting.faults(),
    books,
    violations,
    trace: violations.length === 0 ? [] : traceOf(setting, violations),
  };
}

/** Log entries by time; those of the violations' requests are marked. */
function traceOf({ broker }: Setting, violations: readonly string[]): string[] {
  const ids = new Set(violations.flatMap((violation) => violation.match(REQUEST_ID) ?? []));
  const timeOf = (line: string) => /"time":"([^"]+)"/.exec(line)?.[1] ?? '';
  return [...broker.apis, ...broker.workers]
    .flatMap((running) => running.log().split('\n'))
    .map((line) => (line.match(REQUEST_ID)?.some((id) => ids.has(id)) ? `* ${line}` : `  ${line}`))
    .sort((a, b) => timeOf(a).localeCompare(timeOf(b)));
}

const REQUEST_ID = /req_[0-9a-z]{25}/g;

async function mixFaults(
  { broker, key }: Setting,
  { seed }: ChaosOptions,
  untilMs: number,
): Promise<Record<string, number>> {
  const [order, cuts] = [createRandom(hashText('disturbances', seed)), createRandom(hashText('uploads', seed))];
  const [disturbances, uploads] = await Promise.all([
    disturb(broker, order, untilMs),
    cutUploads(broker, key, cuts, untilMs),
  ]);
  return { ...disturbances, 'uploads cut': uploads };
}

/** Checks that the budget's spending equals the ledger's, and that nothing is reserved for ended requests. */
async function checkBudget({ broker, keyId }: Setting): Promise<string[]> {
  const [spent, held] = await broker.redis.client.hmget(
    createKeyspace('sluice').budget(`${keyId}:total`),
    'spent',
    'held',
  );
  const cost = await createBudgetReader(broker.database).spentSince({ id: keyId, kind: 'key' }, null);
  return [
    ...(BigInt(spent ?? 0) === cost ? [] : [`the budget has ${spent} spent, the ledger ${cost}`]),
    ...(Number(held ?? 0) === 0 ? [] : [`the budget has ${held} reserved although no request is open`]),
  ];
}

/** Kills processes at random, and restarts Redis at evenly spaced times, with time to recover under load after the last. */
async function killAtRandom(fleet: Fleet, options: ChaosOptions, untilMs: number): Promise<undefined> {
  const random = createRandom(hashText('killer', options.seed));
  const between = ({ least, most }: { least: number; most: number }) => least + nextFraction(random) * (most - least);
  const startedAtMs = Date.now();
  let restarts = 0;
  for (;;) {
    await pause(between(KILL_EVERY_MS));
    if (Date.now() >= untilMs) return;
    const part = (Date.now() - startedAtMs) / options.durationMs;
    if (restarts < options.redisRestarts && part > (restarts + 1) / (options.redisRestarts + 2)) {
      restarts += 1;
      await fleet.restartRedis(between(REDIS_AWAY_MS));
    } else fleet.killOne(random);
  }
}

async function beClient(
  setting: Setting,
  fleet: Fleet,
  { seed }: ChaosOptions,
  index: number,
  untilMs: number,
  seen: Seen[],
): Promise<void> {
  const random = createRandom(hashText(`client ${index}`, seed));
  const pickApi = (other: string | null) => {
    const urls = fleet.apiUrls();
    const others = urls.filter((url) => url !== other);
    const from = others.length > 0 ? others : urls;
    return from[Math.floor(Math.random() * from.length)] ?? null;
  };
  for (let round = 0; Date.now() < untilMs; round++) {
    const errand = chooseErrand(random, `${index}.${round}`, seed);
    await pause(errand.pauseMs);
    const one = await runErrand({ pickApi, key: setting.key, model: MODEL }, errand);
    checkText(one, await setting.expected(errand.prompt));
    seen.push(one);
  }
}

async function checkAll(setting: Setting, fleet: Fleet, seen: Seen[], options: ChaosOptions): Promise<string[]> {
  const { client } = setting.broker.redis;
  const keys = createKeyspace('sluice');
  const violations = seen.flatMap((one) => violationsOf(one, fleet));
  const accepted = new Set(seen.flatMap((one) => [...one.accepted]));
  const areBooksClosed = async () =>
    (await client.hlen(keys.openAttempts)) === 0 && (await client.xlen(keys.ledgerStream)) === 0;
  await waitFor('the books to be closed', areBooksClosed, BOOKS_LIMIT_MS).catch((error: Error) =>
    violations.push(error.message),
  );
  options.onProgress('the books are closed');
  violations.push(...(await checkRest(client, KEY_KEPT_MS, accepted)));
  if (options.waitsForDrain) {
    const isEmpty = async () => (await keysOf(client, accepted)).length === 0;
    await waitFor('Redis to drain', isEmpty, KEY_KEPT_MS + DRAIN_SLACK_MS).catch(async (error: Error) =>
      violations.push(`${error.message}: ${(await keysOf(client, accepted)).slice(0, SHOWN_KEYS).join(', ')}`),
    );
  }
  options.onProgress(
    `left in Redis: ${[...(await countKeys(client)).values()].reduce((sum, count) => sum + count, 0)} keys`,
  );
  return violations;
}

const BREAK_SLACK_MS = 3_000;

function violationsOf(one: Seen, fleet: Fleet): string[] {
  const { errand, ending, requestId, violations, breaks, failure, startedAtMs } = one;
  const who = `${requestId ?? 'no id'} (${errand.name}, ${errand.protocol}, ${errand.manner}${errand.key ? ', keyed' : ''}, ${ending}${failure === null ? '' : ` ${failure}`}, from ${new Date(startedAtMs).toISOString()})`;
  const unexplained = breaks.filter(
    ({ api, atMs }) =>
      !fleet.kills.some(
        (kill) => kill.url === api && atMs > kill.atMs - BREAK_SLACK_MS && atMs < kill.atMs + BREAK_SLACK_MS,
      ),
  );
  return [
    ...violations.map((violation) => `${who}: ${violation}`),
    ...(ending === 'stuck' && violations.length === 0 ? [`${who}: no outcome in time`] : []),
    ...unexplained.map(({ api }) => `${who}: the connection to ${api} broke although no process was killed`),
  ];
}

const SHOWN_KEYS = 20;

function progressLine(elapsedMs: number, seen: readonly Seen[], { kills }: Fleet): string {
  const format = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  const wrong = seen.reduce((sum, { violations }) => sum + violations.length, 0);
  return `${Math.round(elapsedMs / 1_000)} s: ${format(countBy(seen, ({ ending }) => ending))}; killed ${format(countBy(kills, ({ what }) => what))}; ${wrong} violations`;
}

function countBy<T>(items: readonly T[], nameOf: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[nameOf(item)] = (counts[nameOf(item)] ?? 0) + 1;
  return counts;
}
