// Keys, projects, organisations, budgets and operators in the console: permissions and spending.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { beforeEach, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import type { TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { useConsole } from '#test/support/console-suite.ts';
import { waitFor } from '#test/support/wait.ts';

const the = useConsole();
let page: Page;
let broker: TestBroker;
beforeEach(() => {
  ({ page, broker } = the);
});

test('a budget that runs out is shown, also in advance', async () => {
  const { id, secret } = await broker.createKey('thrifty');
  await admin(broker, 'PATCH', `/keys/${id}`, { budgets: { day: 0.0002 } });
  const asked = () => ask(broker.url, { prompt: 'Hello', model: 'solo', key: secret, more: { max_tokens: 12 } });
  await asked();
  await waitFor('the books', async () => {
    const { json } = await admin<{ data: { id: string; spent_usd: string }[] }>(broker, 'GET', '/budgets');
    return Number(json.data.find((budget) => budget.id === id)?.spent_usd) > 0;
  });
  expect((await asked()).status).toBe(402);
  await the.go('/money');
  const row = page.getByRole('row', { name: /thrifty/ });
  await row.waitFor();
  const used = await row.getByRole('meter').getAttribute('aria-valuenow');
  expect(Number(used)).toBeGreaterThan(30);

  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Every call, JSON' }).click(),
  ]);
  const rows = readFileSync(await file.path(), 'utf8')
    .trim()
    .split('\n');
  expect(rows.map((row) => JSON.parse(row) as object)).toContainEqual(expect.objectContaining({ key_id: id }));
  await page.getByRole('combobox', { name: 'Beside' }).selectOption({ label: 'a year before' });
  await page.getByText('nothing before').waitFor();
});

test('an alert is shown in the menu, links to its cause, and ends when that is fixed', async () => {
  const { id, secret } = await broker.createKey('<b>alarming</b>');
  await admin(broker, 'PATCH', `/keys/${id}`, { budgets: { day: 0.00025 } });
  await ask(broker.url, { prompt: 'Hello', model: 'solo', key: secret, more: { max_tokens: 12 } });
  await waitFor('the alert', async () => {
    const { json } = await admin<{ data: { data: { account?: string } }[] }>(broker, 'GET', '/alerts?state=current');
    return json.data.find(({ data }) => data.account === id);
  });
  await the.go('/money');
  await page.getByRole('link', { name: /^Alerts \d/ }).click();
  const lasting = page
    .getByRole('region', { name: 'Current' })
    .first()
    .getByRole('row', { name: /<b>alarming<\/b>/ });
  await lasting.getByText(/% of \$0\.00025 \(day from/).waitFor();
  await lasting.getByRole('link', { name: 'Keys' }).click();
  await the.heading('Keys');
  await admin(broker, 'PATCH', `/keys/${id}`, { budgets: { day: 1 } });
  await waitFor('its end', async () => {
    const { json } = await admin<{ data: { data: { account?: string } }[] }>(broker, 'GET', '/alerts?state=over');
    return json.data.find(({ data }) => data.account === id);
  });
  await the.go('/alerts');
  await page
    .getByRole('region', { name: 'Over' })
    .first()
    .getByRole('row', { name: /alarming/ })
    .waitFor();
  expect(await lasting.count()).toBe(0);
});

test('the alerts page shows how often they are checked, and whether they are off', async () => {
  await page.route('**/admin/alerts?state=current*', (route) => route.fulfill({ json: { data: [], has_more: false } }));
  const show = async (alerts: { enabled: boolean; check_ms: number }) => {
    await page.unroute('**/admin/settings');
    await page.route('**/admin/settings', (route) => route.fulfill({ json: { configuration: { alerts } } }));
    await the.go('/alerts');
  };
  await show({ enabled: true, check_ms: 60_000 });
  await page.getByText('are checked every minute.').waitFor();
  await show({ enabled: true, check_ms: 90_000 });
  await page.getByText('are checked every 1 min 30 s.').waitFor();
  await show({ enabled: false, check_ms: 60_000 });
  await page.getByText('Alerts are off').waitFor();
});

test('keys: created, shown once, revoked', async () => {
  await the.go('/keys');
  await page.getByRole('button', { name: 'New key …' }).click();
  await page.getByLabel('Name', { exact: true }).fill('made here');
  await page.getByRole('button', { name: 'Create' }).click();
  const secret = (await page.getByRole('dialog').locator('pre').textContent())!;
  expect((await ask(broker.url, { prompt: 'Hello', model: 'solo', key: secret })).status).toBe(200);
  await page.getByRole('button', { name: 'Close' }).click();
  const row = page.getByRole('row', { name: /made here/ });
  await row.getByRole('button', { name: 'Revoke …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await row.waitFor({ state: 'detached' });
});

test('operators: a key with a role is created and revoked, and the log shows who changed what', async () => {
  await the.go('/operators');
  await page.getByRole('button', { name: 'New admin key …' }).click();
  await page.getByLabel('Name', { exact: true }).fill('dashboards');
  await page.getByRole('button', { name: 'Create' }).click();
  const secret = (await page.getByRole('dialog').locator('pre').textContent())!;
  const status = async (method: string) =>
    (await fetch(`${broker.url}/admin/keys`, { method, headers: { authorization: `Bearer ${secret}` } })).status;
  expect([await status('GET'), await status('POST')]).toEqual([200, 403]);
  await page.getByRole('button', { name: 'Close' }).click();
  await page
    .getByRole('row', { name: /dashboards/ })
    .getByRole('button', { name: 'Revoke …' })
    .click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await page
    .getByRole('row', { name: /dashboards/ })
    .getByText('revoked')
    .waitFor();
  expect(await status('GET')).toBe(401);

  const { id } = await broker.createKey('watched');
  await admin(broker, 'PATCH', `/keys/${id}`, { batch_weight: 3 });
  await the.go('/audit');
  await page.getByLabel('Path').fill(`/admin/keys/${id}`);
  await page
    .getByRole('row', { name: /batch_weight: 1 → 3/ })
    .getByText('SLUICE_ADMIN_KEY')
    .waitFor();
  await page.getByLabel('Path').fill('');
  await page.getByLabel('Who').fill('dashb');
  await page
    .getByRole('row', { name: /POST \/admin\/keys/ })
    .getByText('403')
    .waitFor();
});

test('a rotated key has two secrets for some time', async () => {
  const { secret: former } = await broker.createKey('rotated here');
  await the.go('/keys');
  const row = page.getByRole('row', { name: /rotated here/ });
  await row.getByRole('button', { name: 'Rotate …' }).click();
  await page.getByRole('dialog').getByLabel('Keep the former secret valid for').selectOption({ label: 'an hour' });
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByText('The former one stays valid until').waitFor();
  const secret = (await page.getByRole('dialog').locator('pre').textContent())!;
  await page.getByRole('button', { name: 'Close' }).click();
  await row.getByText('former secret until').waitFor();
  for (const key of [former, secret])
    expect((await ask(broker.url, { prompt: 'Hello', model: 'solo', key })).status).toBe(200);
});

test('an organisation, its project and their keys: created, changed, topped up, charged, revoked', async () => {
  const dialog = page.getByRole('dialog');
  const rowOf = (name: string) => page.getByRole('row', { name: new RegExp(name) });
  await the.go('/accounts');
  await page.getByRole('button', { name: 'New organisation …' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('acme');
  await dialog.getByLabel('A month').fill('100');
  await dialog.getByText('More limits').click();
  await dialog.getByLabel('Metadata').fill('team=search');
  await dialog.getByLabel('Charge to prepaid credits').check();
  await dialog.getByLabel('Markup').fill('10');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await rowOf('acme').getByText('$0 of $100.00 month').waitFor();
  await rowOf('acme').getByText('team=search').waitFor();

  await rowOf('acme').getByRole('button', { name: 'New project …' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('search');
  await dialog.getByLabel('A day').fill('5');
  await dialog.getByRole('button', { name: 'Create' }).click();
  await rowOf('search project').getByRole('button', { name: 'New key …' }).click();
  await dialog.getByLabel('Name', { exact: true }).fill('indexer');
  await dialog.getByRole('button', { name: 'Create' }).click();
  const secret = (await dialog.locator('pre').textContent())!;
  await dialog.getByRole('button', { name: 'Close' }).click();

  // Nothing is paid in yet: the balance is a wall.
  const asked = () => ask(broker.url, { prompt: 'Hello', model: 'solo', key: secret, more: { max_tokens: 12 } });
  expect((await asked()).status).toBe(402);
  await rowOf('acme').getByRole('button', { name: 'Credits …' }).click();
  await dialog.getByText('No payments yet.').waitFor();
  await dialog.getByLabel('Amount in $').fill('25');
  await dialog.getByLabel('Note').fill('invoice 17');
  await dialog.getByRole('button', { name: 'Top up' }).click();
  await dialog
    .getByRole('row', { name: /invoice 17/ })
    .getByText('$25.00')
    .waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await waitFor('the balance', async () => (await asked()).status === 200);

  // Changes that others make in the meantime stay: only differences are sent.
  await rowOf('search project').getByRole('button', { name: 'Edit …' }).click();
  const { json } = await admin<{ data: { id: string; name: string }[] }>(broker, 'GET', '/accounts');
  const { id } = json.data.find(({ name }) => name === 'search')!;
  await admin(broker, 'PATCH', `/accounts/${id}`, { models: ['solo'] });
  await dialog.getByLabel('Requests per minute').fill('600');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await rowOf('search project').getByText('rpm 600').waitFor();
  expect((await admin(broker, 'GET', `/accounts/${id}`)).json).toMatchObject({
    models: ['solo'],
    limits: { rpm: 600 },
  });

  await rowOf('search project').getByRole('button', { name: '1 key' }).click();
  await rowOf('indexer key').waitFor();
  await rowOf('acme').getByRole('button', { name: 'Revoke …' }).click();
  await dialog.getByText('any of the 1 keys below it').waitFor();
  await dialog.getByRole('button', { name: 'Revoke', exact: true }).click();
  await rowOf('acme').waitFor({ state: 'detached' });
  await waitFor('the end of its keys', async () => (await asked()).status === 401);
});

// The table showed a hundred rows; further ones were loaded, but hidden behind "Show more".
test('older entries of the audit log are shown as soon as they are loaded', async () => {
  const entry = {
    at: new Date().toISOString(),
    actor: 'owner',
    role: 'owner',
    method: 'POST',
    path: '/admin/keys',
    status: 201,
  };
  await page.route('**/admin/audit?*', (route) => {
    const from = Number(new URL(route.request().url()).searchParams.get('before') ?? 0);
    const rest = { request: null, before: null, after: null };
    const data = Array.from({ length: 50 }, (_, index) => ({ id: `audit_${from + index}`, ...entry, ...rest }));
    return route.fulfill({ json: { data, has_more: true, next: String(from + 50) } });
  });
  await the.go('/audit');
  const rows = page.getByRole('region', { name: 'Audit log' }).locator('tbody tr');
  for (const count of [50, 100, 150]) {
    await waitFor(`${count} rows`, async () => (await rows.count()) === count);
    await page.getByRole('button', { name: 'Older' }).click();
  }
});
