// `npm run upgrade`: replaces the previous release, with requests in flight, by this checkout on the same Redis and database. Its
// streams must end complete, the new processes must answer what was in its workers and queues, and the ledger must add up.
//
// Runs on SQLite, then on PostgreSQL if available: the old processes keep writing while their tables get partitions and roll-ups.
//
//   npm run upgrade [-- COMMIT]     (default: the last tag, else the commit below)
import { type ChildProcess, execFileSync, type ForkOptions, fork, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { stringify } from 'yaml';
import { reportUsage } from '#src/ledger/reports.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { listPartitions } from '#src/storage/ledger-partitions.ts';
import { isPostgres } from '#src/storage/rollups.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { endWithParent } from '#test/support/end-with-parent.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { ROOT } from '#test/support/processes.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { startTestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

/** Used if there is no tag. */
const FIRST = '7c9b9c7';
const KEY = 'sk-upgrade-0123456789';
const STREAMS = 10;
const ASYNCHRONOUS = 4;
const LIMIT_MS = 120_000;

const work = mkdtempSync(join(tmpdir(), 'sluice-upgrade-'));
const tag = spawnSync('git', ['describe', '--tags', '--abbrev=0'], { cwd: ROOT, encoding: 'utf8' });
const before = process.argv[2] ?? (tag.status === 0 ? tag.stdout.trim() : FIRST);
const earlier = unpack(before);

interface Stage {
  directory: string;
  vendors: Providers;
  redisUrl: string;
  databaseUrl: string;
  children: ChildProcess[];
}

try {
  await upgrade('SQLite', (directory) => `sqlite:${join(directory, 'sluice.db')}`);
  const postgres = await startTestPostgres();
  if (postgres === null) console.log('this machine has no PostgreSQL: the upgrade was tested on SQLite only');
  else await upgrade('PostgreSQL', () => postgres.url).finally(() => postgres.stop());
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exit(0);

async function upgrade(engine: string, urlIn: (directory: string) => string): Promise<void> {
  const directory = mkdtempSync(join(work, 'stage-'));
  const redis = await startTestRedis({ appendOnly: true });
  const vendors = await startProviders({ tokens: 60 });
  const stage = { directory, vendors, redisUrl: redis.url, databaseUrl: urlIn(directory), children: [] };
  try {
    await replace(stage);
    console.log(`upgrade from ${before} on ${engine}: passed`);
  } finally {
    await Promise.all((stage.children as ChildProcess[]).map((child) => end(child, 'SIGKILL')));
    await vendors.close();
    await redis.stop();
  }
}

async function replace(stage: Stage): Promise<void> {
  const { vendors } = stage;
  const launch = (root: string, entry: string) => start(stage, root, entry);
  const old = { api: await launch(earlier, 'src/main.ts'), worker: await launch(earlier, 'workers/inference.ts') };
  const answered = await request(old.api.url, { prompt: 'Answered before.' });
  vendors.primary.change({ paceMs: 150 });
  const streams = Array.from({ length: STREAMS }, (_, index) =>
    request(old.api.url, { prompt: `Stream ${index}.`, stream: true }),
  );
  const queue = async (index: number) => {
    const { text } = await request(old.api.url, { prompt: `Later ${index}.`, headers: { prefer: 'respond-async' } });
    return (JSON.parse(text) as { id: string }).id;
  };
  const ids = await Promise.all(Array.from({ length: ASYNCHRONOUS }, (_, index) => queue(index)));
  await vendors.primary.until(({ inFlight }) => inFlight === STREAMS + ASYNCHRONOUS);

  // The old worker takes no more jobs: what the old API queues from now on is left to the new worker.
  const leaving = [end(old.worker.child)];
  await new Promise((resolve) => setTimeout(resolve, 500));
  ids.push(...(await Promise.all(Array.from({ length: ASYNCHRONOUS }, (_, index) => queue(ASYNCHRONOUS + index)))));
  const now = { api: await launch(ROOT, 'src/main.ts'), worker: await launch(ROOT, 'workers/inference.ts') };
  leaving.push(end(old.api.child));
  const whole = (await Promise.all(streams)).filter(
    ({ status, text }) => status === 200 && text.includes('data: [DONE]'),
  );
  await Promise.all(leaving);
  vendors.primary.change({ paceMs: 0 });
  await waitFor(
    'the asynchronous requests',
    async () => (await states(now.api.url, ids)).every((state) => state === 'completed'),
    LIMIT_MS,
  );
  const after = await request(now.api.url, { prompt: 'And then?' });
  const earlierAnswer = await states(now.api.url, [answered.headers['x-request-id']!]);

  say(`${whole.length} of ${STREAMS} streams of the old release ended complete`, whole.length === STREAMS);
  say(`${ids.length} asynchronous requests of the old release are completed`, true);
  say(`a request that the old release answered is known: ${earlierAnswer[0]}`, earlierAnswer[0] === 'completed');
  say(`the next request: ${after.status}`, after.status === 200);
  await checkBooks(stage);
}

async function checkBooks({ databaseUrl, vendors }: Stage): Promise<void> {
  const database = await openDatabase(databaseUrl, () => undefined);
  const expected = 2 + STREAMS + 2 * ASYNCHRONOUS;
  const count = async (table: string) =>
    Number((await sql<{ n: number }>`select count(*) as n from ${sql.table(table)}`.execute(database)).rows[0]!.n);
  await waitFor('the ledger', async () => (await count('requests')) === expected, 30_000);
  const statements = readFileSync(`${ROOT}deploy/backup/check-books.sql`, 'utf8')
    .replaceAll(/^--.*$/gm, '')
    .split(';');
  const faults: unknown[] = [];
  for (const statement of statements.filter((text) => text.trim() !== '')) {
    faults.push(...(await sql.raw(statement).execute(database)).rows);
  }
  const entries = await count('ledger_entries');
  faults.push(...(await rollupFaults(database)));
  await database.destroy();
  say(
    `${entries} entries for ${expected} requests and ${callsOf(vendors)} calls, ${faults.length} errors in the ledger`,
    faults.length === 0,
  );
}

/** Checks that reports, which read roll-ups, include rows that processes of the old release wrote meanwhile. */
async function rollupFaults(database: Database): Promise<string[]> {
  const faults: string[] = [];
  for (const [per, table] of [
    ['attempt', 'ledger_entries'],
    ['request', 'requests'],
  ] as const) {
    const rows = await database.selectFrom(table).select('cost_pico_usd').execute();
    const cost = rows.reduce((all, row) => all + BigInt(row.cost_pico_usd), 0n);
    const [report] = await reportUsage(database, { per, groupBy: [] });
    const counted = report?.requests ?? report?.attempts;
    if (counted !== rows.length || report?.costPicoUsd !== cost)
      faults.push(`per ${per}: ${counted} cost ${report?.costPicoUsd} in reports, ${rows.length} cost ${cost} in rows`);
  }
  if (!isPostgres(database)) return faults;
  const partitions = await listPartitions(database);
  return partitions.some(({ suffix }) => suffix === 'before') ? faults : [...faults, 'the tables have no partitions'];
}

function callsOf({ primary, secondary }: Providers): number {
  return primary.stats().calls + secondary.stats().calls;
}

function say(what: string, isWell: boolean): void {
  console.log(`${isWell ? 'ok' : 'FAILED'}: ${what}`);
  if (!isWell) process.exitCode = 1;
  if (!isWell) throw new Error(what);
}

async function states(url: string, ids: readonly string[]): Promise<string[]> {
  const answers = ids.map((id) => fetch(`${url}/v1/requests/${id}`, { headers: { authorization: `Bearer ${KEY}` } }));
  return Promise.all(
    (await Promise.all(answers)).map(async (answer) => ((await answer.json()) as { status: string }).status),
  );
}

function request(url: string, wanted: Parameters<typeof ask>[1]): Promise<Answer> {
  return ask(url, { key: KEY, ...wanted });
}

/** A checkout of an earlier commit, with its own dependencies. */
function unpack(commit: string): string {
  const folder = `${join(work, 'earlier')}/`;
  mkdirSync(folder);
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 1 << 28 });
  execFileSync('tar', ['--extract', '--directory', folder], { input: archive });
  const quiet = ['--ignore-scripts', '--omit=dev', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const { status, stderr } = spawnSync('npm', ['ci', ...quiet], { cwd: folder, encoding: 'utf8' });
  if (status === 0) return folder;
  const isOffline = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT/.test(stderr);
  console.log(isOffline ? 'npm cannot reach a registry: the upgrade was not tested' : stderr);
  rmSync(work, { recursive: true, force: true });
  process.exit(isOffline ? 0 : 1);
}

interface Running {
  child: ChildProcess;
  url: string;
}

async function start(stage: Stage, root: string, entry: string): Promise<Running> {
  const { directory, vendors } = stage;
  const configPath = join(directory, 'sluice.yaml');
  const stores = { redis: { url: stage.redisUrl }, database: { url: stage.databaseUrl } };
  if (!existsSync(configPath)) writeFileSync(configPath, stringify({ ...providerConfiguration(vendors), ...stores }));
  const env = {
    PATH: process.env.PATH!,
    SLUICE_CONFIG: configPath,
    SLUICE_API_KEY: KEY,
    PORT: '0',
    SLUICE_DATA: directory,
  };
  const args = entry.startsWith('workers') ? ['--no-batches'] : [];
  const options = { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] } satisfies ForkOptions;
  const child = endWithParent(fork(join(root, entry), args, options));
  stage.children.push(child);
  const details = await new Promise<{ url?: string }>((resolve, reject) => {
    child.on('message', (message: { type?: string; url?: string }) => message.type === 'ready' && resolve(message));
    child.once('exit', (code) => reject(new Error(`${join(root, entry)} ended with ${code}`)));
  });
  return { child, url: details.url ?? '' };
}

async function end(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  await exited;
}
