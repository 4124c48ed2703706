// Symptom: a provider refuses one of several keys (revoked, without quota, limited), and all of its traffic fails or waits.
// Cause: the provider had one circuit and one set of waits for all keys. Fix: each credential has its own limits, waits and
// circuit; the refused request is sent with the next one.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { type Accounts, startAccounts } from '#test/support/accounts.ts';
import { admin } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { deployment, RETRIES } from '#test/support/providers.ts';
import { startSluice } from '#test/support/sluice-command.ts';

const KEYS = { main: 'sk-account-main-000001', spare: 'sk-account-spare-000002', filed: 'sk-account-filed-000003' };
const ROTATED = 'sk-account-filed-000004';
const MODELS = ['revoked', 'limited', 'exhausted', 'sticky', 'held', 'rotated', 'alone'];

let simulators: Record<keyof typeof KEYS, Simulator>;
let accounts: Accounts;
let broker: TestBroker;
let secrets: string;

beforeAll(async () => {
  secrets = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
  writeFileSync(join(secrets, 'filed'), `${KEYS.filed}\n`);
  const [main, spare, filed] = await Promise.all(
    ['main', 'spare', 'filed'].map((name) => startSimulator({ name, tokens: 4 })),
  );
  simulators = { main: main!, spare: spare!, filed: filed! };
  accounts = await startAccounts({ [KEYS.main]: main!, [KEYS.spare]: spare!, [KEYS.filed]: filed! });
  const common = { protocols: ['openai-chat' as const], base_url: `${accounts.url}/v1`, retries: RETRIES };
  const main_ = { api_key: KEYS.main, weight: 1_000 };
  const spare_ = { command: [process.execPath, '-e', `console.log('${KEYS.spare}')`] };
  // One provider for each test: what one of them does to a credential is not the others' business.
  const providers = Object.fromEntries(
    MODELS.map((name) => [name, { ...common, credentials: { main: main_, spare: spare_ } }]),
  );
  broker = await startBroker({
    configuration: {
      providers: {
        ...providers,
        rotated: { ...common, credentials: { filed: { file: join(secrets, 'filed') } } },
        sticky: { ...common, credentials: { main: { api_key: KEYS.main }, spare: spare_ } },
        limited: { ...common, credentials: { main: { ...main_, limits: { rpm: 100 } }, spare: spare_ } },
      },
      models: Object.fromEntries(MODELS.map((name) => [name, { deployments: [deployment(name, name)] }])),
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await accounts?.close();
  await Promise.all(Object.values(simulators ?? {}).map((simulator) => simulator.close()));
  rmSync(secrets, { recursive: true, force: true });
});
beforeEach(() => {
  accounts.of.set(KEYS.main, simulators.main);
});

const calls = () =>
  Object.fromEntries(Object.entries(simulators).map(([name, simulator]) => [name, simulator.stats().calls]));
const booked = async (model: string) => {
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('ledger_entries').selectAll().where('model', '=', model).execute();
  return rows
    .sort((a, b) => Number(a.started_at) - Number(b.started_at) || Number(a.attempt) - Number(b.attempt))
    .map((row) => `${row.credential} ${row.outcome}`);
};

test('a revoked key costs one refused call; the other keys answer that request and all following ones', async () => {
  accounts.of.delete(KEYS.main);
  const first = await ask(broker.url, { model: 'revoked', prompt: 'x' });
  expect(first).toMatchObject({ status: 200, headers: { 'x-sluice-attempts': '2' } });
  for (let n = 0; n < 5; n++) {
    expect(await ask(broker.url, { model: 'revoked', prompt: 'x' })).toMatchObject({
      status: 200,
      headers: { 'x-sluice-attempts': '1' },
    });
  }
  expect(await booked('revoked')).toEqual([
    'main upstream_credential_refused',
    ...Array.from({ length: 6 }, () => 'spare ok'),
  ]);
  expect(JSON.stringify(first)).not.toContain(KEYS.main);
});

test('a rate-limited key is not used for the announced time; the others continue', async () => {
  simulators.main.change({ rpm: 1 });
  const answers = [];
  for (let n = 0; n < 6; n++) answers.push(await ask(broker.url, { model: 'limited', prompt: 'x' }));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(Math.max(...answers.map(({ durationMs }) => durationMs))).toBeLessThan(2_000);
  expect(
    (await booked('limited')).filter((entry) => entry === 'main upstream_rate_limited').length,
  ).toBeLessThanOrEqual(1);
  simulators.main.change({ rpm: null });
});

test('a key without quota is taken out of rotation like a revoked one', async () => {
  simulators.main.faults.replace([{ fault: 'quota_exhausted' }]);
  for (let n = 0; n < 4; n++) expect((await ask(broker.url, { model: 'exhausted', prompt: 'x' })).status).toBe(200);
  simulators.main.faults.clear();
  expect(await booked('exhausted')).toEqual([
    'main upstream_quota_exhausted',
    ...Array.from({ length: 4 }, () => 'spare ok'),
  ]);
});

test('a conversation stays at the account that has its prompt cached', async () => {
  const turn = async (name: string) => {
    const before = calls();
    expect((await ask(broker.url, { model: 'sticky', prompt: 'x', more: { prompt_cache_key: name } })).status).toBe(
      200,
    );
    return simulators.main.stats().calls > before.main! ? 'main' : 'spare';
  };
  const used = new Set<string>();
  for (const name of [...'abcdefghijklmnop']) {
    const turns = [await turn(name), await turn(name)];
    expect(new Set(turns).size).toBe(1);
    used.add(turns[0]!);
  }
  expect(used).toEqual(new Set(['main', 'spare']));
});

test('a held credential is not used, and operators see it and its limits', async () => {
  expect((await admin(broker, 'POST', '/holds', { credential: 'held/nobody' })).json).toMatchObject({
    error: { message: expect.stringContaining('held/main') },
  });
  const { ended } = startSluice(['hold', '--credential', 'held/main', '--base-url', broker.url], broker.directory, {
    SLUICE_ADMIN_KEY: ADMIN_KEY,
  });
  expect((await ended).stdout).toContain('credential:held/main is held');
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let n = 0; n < 3; n++) expect((await ask(broker.url, { model: 'held', prompt: 'x' })).status).toBe(200);
  expect(await booked('held')).toEqual(['spare ok', 'spare ok', 'spare ok']);
  const { json } = await admin<{ data: { scope: string; limit: string; value: number }[] }>(broker, 'GET', '/limits');
  expect(json.data).toContainEqual(
    expect.objectContaining({ scope: 'credential:limited/main', limit: 'rpm', value: 100 }),
  );
  expect((await admin(broker, 'DELETE', '/holds/credential:held%2Fmain')).status).toBe(200);
});

test('a rotated file is used at once: the refused call is repeated with the new key', async () => {
  expect((await ask(broker.url, { model: 'rotated', prompt: 'x' })).status).toBe(200);
  accounts.of.delete(KEYS.filed);
  accounts.of.set(ROTATED, simulators.filed);
  // As Kubernetes does it: one file replaces another.
  writeFileSync(join(secrets, 'next'), ROTATED);
  renameSync(join(secrets, 'next'), join(secrets, 'filed'));
  expect(await ask(broker.url, { model: 'rotated', prompt: 'x' })).toMatchObject({ status: 200 });
  const entries = await booked('rotated');
  expect(entries.filter((entry) => entry === 'filed ok')).toHaveLength(2);
  expect(entries.length).toBeLessThanOrEqual(3);
  expect(broker.workers[0]!.log()).not.toContain(ROTATED);
});

test('what happens when all are refused: the client gets an error at once', async () => {
  accounts.of.delete(KEYS.main);
  accounts.of.delete(KEYS.spare);
  const answer = await ask(broker.url, { model: 'alone', prompt: 'x' });
  expect(answer).toMatchObject({ status: 502, text: expect.stringContaining('upstream_credential_refused') });
  expect(answer.text).not.toContain('sk-account');
  expect((await ask(broker.url, { model: 'alone', prompt: 'x' })).durationMs).toBeLessThan(2_000);
  accounts.of.set(KEYS.spare, simulators.spare);
  expect(await booked('alone')).toEqual(['main upstream_credential_refused', 'spare upstream_credential_refused']);
});
