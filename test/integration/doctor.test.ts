// `sluice doctor` with real servers: what it finds, that it changes nothing, and that it works with servers that refuse its
// queries.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { createKeyStore } from '#src/accounts/key-store.ts';
import type { Finding } from '#src/cli/doctor/finding.ts';
import { examine } from '#src/cli/doctor.ts';
import { readEnvironment } from '#src/config/environment.ts';
import { loadRuntime } from '#src/config/runtime.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { createWorkerLiveness } from '#src/reply/worker-liveness.ts';
import { createHolds } from '#src/routing/holds.ts';
import { openDatabase } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { startSluice } from '#test/support/sluice-command.ts';

const keyspace = createKeyspace('sluice');
let good: TestRedis;
let bad: TestRedis;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  [good, bad] = await Promise.all([
    startTestRedis({ appendOnly: true, args: ['--maxmemory', '200mb', '--maxmemory-policy', 'noeviction'] }),
    startTestRedis({ args: ['--maxmemory', '200mb', '--maxmemory-policy', 'allkeys-lru'] }),
  ]);
});
afterAll(async () => {
  await Promise.all([good?.stop(), bad?.stop()]);
  rmSync(directory, { recursive: true, force: true });
});

function runtimeOf(url: string, more: ConfigurationInput = {}, databaseUrl = `sqlite:${join(directory, 'sluice.db')}`) {
  const path = join(directory, 'sluice.yaml');
  const configuration = {
    redis: { url },
    database: { url: databaseUrl },
    dead_letters: { bodies: 'none' as const },
    ...more,
  };
  writeFileSync(path, stringify(configuration), { mode: 0o600 });
  const environment = readEnvironment({ SLUICE_DATA: directory, SLUICE_ADMIN_KEY: 'admin-0123456789abcdef' });
  return () => loadRuntime(path, environment);
}
const beat = () => createWorkerLiveness(good.client, keyspace).heartbeat('w1', [0]);
/** The current speed of this machine is not a finding. */
const look = async (load: Parameters<typeof examine>[0]) =>
  (await examine(load)).filter(({ finding }) => !finding.includes('a command takes'));
const errors = (found: readonly Finding[]) =>
  found.filter(({ severity }) => severity === 'error').map(({ finding }) => finding);

test('a healthy installation has no findings', async () => {
  await (await openDatabase(`sqlite:${join(directory, 'sluice.db')}`, () => undefined)).destroy();
  await beat();
  const found = await look(runtimeOf(good.url));
  expect(found.filter(({ severity }) => severity !== 'note')).toEqual([]);
});

test('finds a Redis that evicts and does not persist, and a missing worker', async () => {
  const found = errors(await look(runtimeOf(bad.url)));
  expect(found).toEqual([
    expect.stringContaining('maxmemory-policy is allkeys-lru'),
    expect.stringContaining('appendonly is off'),
    expect.stringContaining('no worker is running'),
  ]);
});

test('works as a user of a managed Redis, without CONFIG and INFO', async () => {
  await bad.client.acl('SETUSER', 'guest', 'on', '>guest-password', '~*', '&*', '+@all', '-config', '-info');
  const found = await look(runtimeOf(`redis://guest:guest-password@127.0.0.1:${bad.port}`));
  expect(found.filter(({ area }) => area === 'redis')).toMatchObject([
    { severity: 'warning', finding: /INFO command is refused/ },
  ]);
  expect(JSON.stringify(found)).not.toContain('guest-password');
  await bad.client.acl('SETUSER', 'guest', '+info');
  const more = await look(runtimeOf(`redis://guest:guest-password@127.0.0.1:${bad.port}`));
  expect(more.map(({ finding }) => finding).join()).toMatch(/allkeys-lru.*CONFIG command is refused/s);
});

test('finds holds, open circuits, unwritten costs, dead letters and unbounded keys', async () => {
  await beat();
  await createHolds(good.client, keyspace).hold('provider:openai', 'maintenance');
  await good.client.hset(keyspace.openCircuits, 'openai/gpt', String(Date.now() + 60_000));
  await good.client.xadd(keyspace.ledgerStream, `${Date.now() - 120_000}-0`, 'm', '{}');
  const database = await openDatabase(`sqlite:${join(directory, 'sluice.db')}`, () => undefined);
  const { key } = await createKeyStore(database).create('unbound');
  await createKeyStore(database).create('bound', { limits: { requestsPerMinute: 1 } });
  await database.destroy();
  const found = await look(runtimeOf(good.url, { server: { host: '0.0.0.0', public_url: 'https://llm.example' } }));
  const said = found.map(({ severity, finding }) => `${severity}: ${finding}`);
  expect(said).toEqual(
    expect.arrayContaining([
      'warning: held by an operator: provider:openai (maintenance)',
      'warning: the circuit is open for openai/gpt',
      expect.stringMatching(/^error: the ledger is behind: 1 messages are waiting, the oldest for 2 min/),
      `warning: keys without limits and budget: ${key.id} (unbound)`,
    ]),
  );
  await good.client.del(keyspace.holds, keyspace.openCircuits, keyspace.ledgerStream);
});

test('changes nothing: a database of another release is not migrated, a missing one is not created', async () => {
  await beat();
  const path = join(directory, 'other.db');
  expect(await look(runtimeOf(good.url, {}, `sqlite:${path}`))).toMatchObject([
    { severity: 'note', area: 'database', finding: `there is no ${path} yet` },
  ]);
  writeFileSync(path, '', { mode: 0o600 });
  const keys = await good.client.dbsize();
  const found = await look(runtimeOf(good.url, {}, `sqlite:${path}`));
  expect(found.find(({ area }) => area === 'database')?.finding).toMatch(/cannot be checked: no such table/);
  expect(readFileSync(path).includes('api_keys')).toBe(false);
  expect(await good.client.dbsize()).toBe(keys);
});

test('compares the clock of PostgreSQL, and reports an unreachable one', async ({ skip }) => {
  const postgres = await startTestPostgres();
  if (postgres === null) return skip('needs PostgreSQL');
  try {
    await (await openDatabase(postgres.url, () => undefined)).destroy();
    await beat();
    const found = await look(runtimeOf(good.url, {}, postgres.url));
    expect(found.filter(({ severity }) => severity !== 'note')).toEqual([]);
    await postgres.kill();
    await beat();
    expect(errors(await look(runtimeOf(good.url, {}, postgres.url)))).toEqual([
      expect.stringMatching(/cannot open database/),
    ]);
  } finally {
    await postgres.stop();
  }
});

test('the command prints text or JSON, and has an exit code', async () => {
  await beat();
  runtimeOf(good.url)();
  const run = (...args: string[]) =>
    startSluice(['doctor', ...args], directory, { SLUICE_DATA: directory, SLUICE_ADMIN_KEY: 'admin-0123456789abcdef' })
      .ended;
  const keepBeating = setInterval(() => void beat(), 1_000);
  const [words, json] = await Promise.all([run(), run('--json')]);
  clearInterval(keepBeating);
  expect(words.stdout).toMatch(/^(warning|note) .*\n +→ .*\n/);
  expect(words.code).toBe(words.stdout.includes('warning ') ? 1 : 0);
  const { findings } = JSON.parse(json.stdout) as { findings: Finding[] };
  expect(findings.map(({ severity }) => severity)).toContain('note');
  writeFileSync(join(directory, 'sluice.yaml'), 'redis: { url: 7 }\n');
  expect(await run()).toMatchObject({ code: 2, stdout: expect.stringMatching(/^error +configuration .*redis\.url/) });
});

test('a PostgreSQL without statistics, as after pg_upgrade: named until ANALYZE has run', async ({ skip }) => {
  // Symptom: a page of requests took a second, because every search read the whole ledger.
  const postgres = await startTestPostgres(['fsync=off', 'autovacuum=off']);
  if (postgres === null) return skip('needs PostgreSQL');
  const database = await openDatabase(postgres.url, () => undefined);
  try {
    const statistics = async () =>
      (await look(runtimeOf(good.url, {}, postgres.url))).filter(({ finding }) => finding.includes('statistics'));
    expect(await statistics()).toEqual([]);
    await sql`insert into ledger_entries (request_id, attempt, day, key_id, model, provider, deployment, upstream_model,
      protocol, lane, is_stream, state, outcome, started_at, queue_ms, first_byte_ms, duration_ms, input_tokens,
      cached_input_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_pico_usd)
      select 'req_' || i, 1, '2026-01-01', 'k', 'm', 'p', 'p/m', 'm', 'openai-chat', 'interactive', 1, 'settled', 'ok',
      i, 1, 1, 1, 1, 0, 0, 1, 0, 1 from generate_series(1, 20000) i`.execute(database);
    expect(await statistics()).toMatchObject([
      { severity: 'warning', area: 'database', finding: expect.stringContaining('no statistics of ledger_entries') },
    ]);
    await sql`analyze`.execute(database);
    expect(await statistics()).toEqual([]);
  } finally {
    await database.destroy();
    await postgres.stop();
  }
});
