// `sluice keys`: the stored data of a key.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdminKeyStore } from '#src/accounts/admin-key-store.ts';
import { openDatabase } from '#src/storage/database.ts';
import { startSluice } from '#test/support/sluice-command.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
  writeFileSync(join(directory, 'sluice.yaml'), '{}\n');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const keys = (...args: string[]) =>
  startSluice(['keys', ...args], directory, { SLUICE_DATA: join(directory, 'data') }).ended;

test('a key has the configured weight in the batch lane', async () => {
  expect(await keys('create', 'heavy', '--batch-weight', '2.5', '--json')).toMatchObject({ code: 0 });
  expect(await keys('create', 'plain', '--json')).toMatchObject({ code: 0 });
  const listed = JSON.parse((await keys('list', '--json')).stdout) as { name: string; settings: object }[];
  expect(Object.fromEntries(listed.map(({ name, settings }) => [name, settings]))).toMatchObject({
    heavy: { batchWeight: 2.5 },
    plain: { batchWeight: 1 },
  });
});

test('changes by the command are in the audit log: who, before and after', async () => {
  const { id } = JSON.parse((await keys('create', 'watched', '--rpm', '5', '--json')).stdout) as { id: string };
  await keys('rotate', id, '--keep', '1', '--json');
  await keys('revoke', id);
  expect(await keys('create', 'lost', '--project', 'proj_none')).toMatchObject({ code: 1 });
  const database = await openDatabase(`sqlite:${join(directory, 'data/sluice.db')}`, () => undefined);
  const log = await createAdminKeyStore(database).audit({ limit: 10, actor: 'command line' });
  await database.destroy();
  expect(log.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `DELETE /admin/keys/${id}`,
    `POST /admin/keys/${id}/rotate`,
    'POST /admin/keys',
  ]);
  expect(JSON.parse(log[0]!.before!)).toMatchObject({ name: 'watched', limits: { rpm: 5 }, revoked_at: null });
  expect(JSON.parse(log[0]!.after!).revoked_at).not.toBeNull();
  expect(JSON.stringify(log)).not.toMatch(/sk-sluice-[0-9a-f]{10}/);
});

test.each(['0', '-1', 'much', '1001'])('the weight %s is refused', async (weight) => {
  const { code, stderr } = await keys('create', 'odd', '--batch-weight', weight);
  expect(code).not.toBe(0);
  expect(stderr).toContain('must be a number above 0, up to 1000.');
});

const json = async (...args: string[]) => JSON.parse((await keys(...args, '--json')).stdout) as Record<string, unknown>;

test('a key is created with every setting, shown, and changed one by one; other settings stay', async () => {
  const given = [
    '--rpm',
    '60',
    '--tokens-per-day',
    '1000',
    '--budget',
    '20/month',
    '--budget',
    '2/day',
    '--model',
    'gpt-*',
  ];
  const more = [
    '--metadata',
    'team=search',
    '--metadata',
    'stage=test',
    '--credits',
    '--markup',
    '10',
    '--expires',
    '2099-01-01T00:00:00Z',
  ];
  const { id } = await json('create', 'whole', ...given, ...more);
  expect(await json('show', String(id))).toMatchObject({
    name: 'whole',
    limits: { rpm: 60, tokens_per_day: 1_000 },
    budgets: { month: 20, day: 2 },
    models: ['gpt-*'],
    metadata: { team: 'search', stage: 'test' },
    credits: { markup_percent: 10, charge_step_usd: 0.0001 },
    expires_at: '2099-01-01T00:00:00.000Z',
    spent_usd: { month: '0', day: '0' },
  });
  const change = [
    '--name',
    'changed',
    '--rpm',
    'none',
    '--budget',
    'none/day',
    '--metadata',
    'stage=',
    '--charge-step',
    '0.01',
  ];
  await json('update', String(id), ...change, '--all-models', '--expires', 'never');
  expect(await json('show', String(id))).toMatchObject({
    name: 'changed',
    limits: { tokens_per_day: 1_000 },
    budgets: { month: 20 },
    models: null,
    metadata: { team: 'search' },
    credits: { markup_percent: 10, charge_step_usd: 0.01 },
    expires_at: null,
  });
  expect(await json('update', String(id), '--no-credits')).toMatchObject({
    credits: null,
    limits: { tokens_per_day: 1_000 },
  });
  const shown = await keys('show', String(id));
  expect(shown.stdout).toMatch(/limits +tokens_per_day=1000\n/);
});

test('the overlap of a rotation is the requested one, and can be zero', async () => {
  const { id } = await json('create', 'rotated');
  await json('rotate', String(id), '--keep', '2');
  const until = Date.parse(String((await json('show', String(id))).former_secret_until)) - Date.now();
  expect(until > 3_600_000 && until <= 7_200_000).toBe(true);
  await json('rotate', String(id), '--keep', '0');
  expect((await json('show', String(id))).former_secret_until).toBeNull();
});

test.each([
  [['--budget', '20/fortnight'], 'USD/period'],
  [['--budget', 'much/day'], 'an amount in USD'],
  [['--markup', '5'], '--credits'],
  [['--metadata', 'x'], 'name=value'],
  [['--expires', 'soon'], 'must be a time'],
  [['--charge-step', '0.00001', '--credits'], 'credits.charge_step_usd'],
])('%j is refused with the reason', async (args, words) => {
  const { code, stderr } = await keys('create', 'odd', ...args);
  expect(code).not.toBe(0);
  expect(stderr).toContain(words);
});

test('a change without settings or of an unknown key is an error', async () => {
  const { id } = await json('create', 'same');
  expect((await keys('update', String(id))).stderr).toContain('nothing to change');
  expect((await keys('update', 'key_none', '--rpm', '1')).stderr).toContain("there is no key 'key_none'");
});
