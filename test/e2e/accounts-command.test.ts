// `sluice accounts`, `budgets`, `requests`, `in-flight` and `audit` against a running Sluice.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { startSluice } from '#test/support/sluice-command.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;
let directory: string;
beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  broker = await startBroker({ together: true, configuration: providerConfiguration(vendors) });
  directory = mkdtempSync(join(tmpdir(), 'sluice-accounts-'));
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
  rmSync(directory, { recursive: true, force: true });
});

const sluice = (...args: string[]) =>
  startSluice(args, directory, { SLUICE_BASE_URL: broker.url, SLUICE_ADMIN_KEY: ADMIN_KEY }).ended;
async function json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await sluice(...args, '--json');
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as T;
}

test('an organisation and a project can be created, changed, shown and revoked', async () => {
  const limits = ['--rpm', '600', '--input-tokens-per-minute', '5000', '--weight', '2', '--batch-weight', '3'];
  const { id: organisation } = await json(
    'accounts',
    'create',
    'organisation',
    'acme',
    '--budget',
    '500/month',
    ...limits,
  );
  expect(await json('accounts', 'show', String(organisation))).toMatchObject({
    kind: 'organisation',
    limits: { rpm: 600, input_tokens_per_minute: 5_000 },
    budgets: { month: 500 },
    weight: 2,
    batch_weight: 3,
    spent_usd: { month: '0' },
  });
  const under = ['--organisation', String(organisation), '--metadata', 'team=search'];
  const { id: project } = await json('accounts', 'create', 'project', 'search', ...under);
  const change = ['--name', 'find', '--rpm', '10', '--budget', '1/day', '--model', 'solo', '--metadata', 'cost=7'];
  expect(await json('accounts', 'update', String(project), ...change)).toMatchObject({
    name: 'find',
    organisation,
    limits: { rpm: 10 },
    budgets: { day: 1 },
    models: ['solo'],
    metadata: { team: 'search', cost: '7' },
  });
  expect(await json('accounts', 'update', String(organisation), '--rpm', 'none')).toMatchObject({
    limits: { input_tokens_per_minute: 5_000 },
    budgets: { month: 500 },
  });
  expect((await sluice('accounts', 'show', String(project))).stdout).toMatch(/budgets +1 USD\/day\n/);
  expect((await sluice('accounts', 'list')).stdout).toContain('find');
  const budgets = await json<{ id: string; period: string }[]>('budgets');
  expect(budgets.map(({ id, period }) => [id, period])).toEqual(
    expect.arrayContaining([
      [organisation, 'month'],
      [project, 'day'],
    ]),
  );
  expect((await sluice('budgets')).stdout).toContain('500');
  await json('accounts', 'revoke', String(project));
  expect((await sluice('accounts', 'show', String(project))).stdout).toMatch(/state +revoked/);
});

test('credits can be topped up and shown', async () => {
  const { id } = await json(
    'accounts',
    'create',
    'organisation',
    'payer',
    '--credits',
    '--markup',
    '25',
    '--charge-step',
    '0.01',
  );
  expect(await json('accounts', 'show', String(id))).toMatchObject({
    credits: { markup_percent: 25, charge_step_usd: 0.01 },
  });
  expect(await json('accounts', 'top-up', String(id), '12.5', '--note', 'invoice 1')).toMatchObject({
    balance_usd: '12.5',
  });
  expect(await json('accounts', 'statement', String(id))).toMatchObject({
    balance_usd: '12.5',
    credits: [{ amount_usd: '12.5', note: 'invoice 1' }],
  });
  expect((await sluice('accounts', 'top-up', String(id), 'much')).stderr).toContain('an amount in USD');
});

test('requests can be found by their properties, and shown', async () => {
  const { secret, id: key } = await broker.createKey('asker');
  const answer = await ask(broker.url, {
    key: secret,
    model: 'solo',
    prompt: 'Hi.',
    headers: { 'x-sluice-tags': 'nightly' },
  });
  expect(answer.status).toBe(200);
  await booksClosed(broker);
  const list = () => json<{ id: string; outcome: string }[]>('requests', 'list', '--key', key, '--tag', 'nightly');
  const [found] = await waitFor('it to be found', async () => {
    const all = await list();
    return all.length > 0 ? all : null;
  });
  expect(found).toMatchObject({ id: answer.headers['x-request-id'], outcome: 'ok' });
  expect(await json('requests', 'show', found!.id)).toMatchObject({ id: found!.id });
  expect(await json('in-flight')).toEqual({ calls: [], waiting: [] });
  expect((await sluice('in-flight')).stdout).toContain('Nothing is in flight.');
  expect((await sluice('requests', 'show', 'req_none')).code).toBe(1);
  expect((await sluice('requests', 'cancel', 'req_none')).stderr).toContain('req_none');
});

test('the audit log can be searched by actor, action and time', async () => {
  await admin(broker, 'POST', '/keys', { name: 'noted' });
  const entries = await json<{ method: string; path: string }[]>(
    'audit',
    '--method',
    'POST',
    '--actor',
    'sluice_admin',
    '--path',
    '/admin/keys',
    '--from',
    '2026-01-01',
  );
  expect(entries[0]).toMatchObject({ method: 'POST', path: '/admin/keys' });
  expect(await json('audit', '--actor', 'nobody')).toEqual([]);
});
