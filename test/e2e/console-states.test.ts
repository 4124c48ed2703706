// The console with long names, and while its server gives no answer: nothing is out of sight, and nothing unknown is called none.
import type { Page, Route } from 'playwright-core';
import { beforeEach, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import type { TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { useConsole } from '#test/support/console-suite.ts';
import { waitFor } from '#test/support/wait.ts';

const LONG = 'accounts/an-organisation-with-a-long-name/models/a-model-with-a-long-name-instruct-128k-fp8-2026-11-01';
/** No place in it where a line may break. */
const UNBROKEN = 'Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz'.repeat(2).slice(0, 100);

const the = useConsole();
let page: Page;
let broker: TestBroker;
beforeEach(() => {
  ({ page, broker } = the);
});

test('long names push no column and no action out of sight', async () => {
  // Symptom: one long name made its table wider than the window; on Money it made the page wider.
  const key = await broker.createKey(UNBROKEN);
  await admin(broker, 'POST', '/accounts', { kind: 'organisation', name: UNBROKEN, credits: {} });
  await ask(broker.url, { prompt: 'Hello', model: 'pair', key: key.secret });
  await page.route('**/admin/providers', (route) => renamed(route));
  await page.route('**/admin/usage?**', (route) => renamed(route));
  const found: string[] = [];
  for (const path of ['/providers', '/money', '/accounts', '/keys']) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await the.go(path);
    await page
      .getByText(path === '/providers' || path === '/money' ? LONG : UNBROKEN)
      .first()
      .waitFor();
    const wide = (await page.evaluate(WIDE)) as string[];
    found.push(...wide.map((text) => `${path}: ${text}`));
  }
  expect(found).toEqual([]);
}, 60_000);

/** Every model gets the long name. */
async function renamed(route: Route): Promise<void> {
  const answer = await route.fetch();
  const text = (await answer.text()).replaceAll(/"(pair|primary\/pair)"/g, `"${LONG}"`);
  await route.fulfill({ response: answer, body: text });
}

const WIDE = `[document.documentElement, ...document.querySelectorAll('main section.scroll')]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .map((one) => (one.getAttribute('aria-label') ?? one.tagName) + ' is ' + one.scrollWidth + ' px wide in ' + one.clientWidth)`;

test('what is cut to its column is there to read', async () => {
  await page.route('**/admin/requests?**', (route) => renamed(route));
  await ask(broker.url, { prompt: 'Hello', model: 'pair' });
  // It is listed once the ledger has it.
  await waitFor('the request to be listed', async () => {
    await the.go('/requests');
    await page.getByRole('table').or(page.getByText('No request has ended yet')).first().waitFor();
    return (await page.getByTitle(LONG).count()) > 0;
  });
});

test('while the server gives no figures, the pages do not say that there are none', async () => {
  const refuse = (route: Route) =>
    route.fulfill({
      status: 418,
      contentType: 'application/json',
      body: '{"error":{"message":"The database is away."}}',
    });
  for (const path of ['**/admin/live', '**/admin/requests?**', '**/admin/keys']) await page.route(path, refuse);
  await the.go('/');
  await page.getByText('reconnecting …').waitFor();
  expect(await page.getByText('Not known yet.').count()).toBe(2);
  expect(await page.getByText(/No request (failed|is queued)/).count()).toBe(0);
  await the.go('/requests');
  await page.getByText('The database is away.').waitFor();
  expect(await page.getByText(/No request has ended|0 found/).count()).toBe(0);
  await the.go('/playground');
  await page.getByText('The database is away.').waitFor();
  expect(await page.getByText('create one in Keys first').count()).toBe(0);
  await page.unrouteAll();
  await the.go('/');
  await page.getByText('No request is queued.').waitFor({ timeout: 20_000 });
});
