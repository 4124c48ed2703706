// Access to the console and the permissions of its page: files and their policy, sessions, roles, text that must not run, an
// API that becomes unavailable and returns.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page, Response } from 'playwright-core';
import { beforeEach, describe, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import { ADMIN_KEY, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { openPage, signIn } from '#test/support/console.ts';
import { useConsole } from '#test/support/console-suite.ts';
import { waitFor } from '#test/support/wait.ts';

const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));
/** A string that would run if it were interpreted as markup anywhere. */
const HOSTILE = `"><img src=x onerror="window.__hacked=1"><script>window.__hacked=2</script>`;

const the = useConsole();
let page: Page;
let broker: TestBroker;
beforeEach(() => {
  ({ page, broker } = the);
});

test('the first load is small, and nothing is loaded from elsewhere', async () => {
  const fresh = await the.browser.newContext();
  const loading = await fresh.newPage();
  const sizes: Promise<number>[] = [];
  const hosts = new Set<string>();
  loading.on('response', (response) => {
    hosts.add(new URL(response.url()).origin);
    // The event stream has no end, so it is excluded.
    const isEndless = response.headers()['content-type']?.startsWith('text/event-stream') === true;
    if (!isEndless) sizes.push(sizeOf(response));
  });
  await signIn(loading, broker.url);
  await loading.getByText('Requests per second').waitFor();
  const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  expect([...hosts]).toEqual([broker.url]);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(200_000);
  // All pages together, as they are sent.
  const assets = readdirSync(join(BUILT, 'assets')).filter((name) => name.endsWith('.br'));
  const whole = assets.reduce((sum, name) => sum + readFileSync(join(BUILT, 'assets', name)).length, 0);
  expect(whole).toBeLessThan(200_000);
  await fresh.close();
});

async function sizeOf(response: Response): Promise<number> {
  const sizes = await response
    .request()
    .sizes()
    .catch(() => null);
  return sizes?.responseBodySize ?? 0;
}

test('its files have a strict content policy; hashed ones may be cached for ever', async () => {
  const answer = await fetch(`${broker.url}/console/requests`, { headers: { 'accept-encoding': 'identity' } });
  expect(answer.status).toBe(200);
  const policy = answer.headers.get('content-security-policy')!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  const [, script] = /src="(\/console\/assets\/[^"]+\.js)"/.exec(await answer.text())!;
  const asset = await fetch(broker.url + script, { headers: { 'accept-encoding': 'br' } });
  expect(asset.headers.get('cache-control')).toContain('immutable');
  expect(asset.headers.get('content-encoding')).toBe('br');
  for (const path of ['/console/assets/none.js', '/console/../package.json', '/console/%2e%2e/package.json'])
    expect((await fetch(broker.url + path)).status, path).toBe(404);
});

// The form reported every 401 as an invalid key, even if the admin API is off and no key is valid.
test('a refused sign-in shows why: an invalid key, or the server’s other reason', async () => {
  const fresh = await the.browser.newContext();
  const form = await fresh.newPage();
  await form.goto(`${broker.url}/console/`);
  const trouble = async () => {
    await form.getByLabel('Admin key').fill('no-such-key');
    await form.getByRole('button', { name: 'Sign in' }).click();
    return form.getByRole('alert').textContent();
  };
  expect(await trouble()).toBe('This is not a valid admin key.');
  const message = 'The admin API is off: start Sluice with SLUICE_ADMIN_KEY set.';
  await form.route('**/admin/session', (route) => route.fulfill({ status: 401, json: { error: { message } } }));
  await form.reload();
  expect(await trouble()).toBe(message);
  await fresh.close();
});

/** Every page, and one permanently failed request. */
const PAGES = ['', '/requests', '/providers', '/batches', '/money', '/accounts', '/keys', '/dead-letters', '/webhooks'];
PAGES.push('/playground', '/simulator', '/operators', '/audit', '/settings');

test('a viewer finds no control that would be refused, and is told why', async () => {
  // Of everything that has controls there is one.
  await broker.createKey('looked at');
  await admin(broker, 'POST', '/accounts', { kind: 'organisation', name: 'looked at', credits: {} });
  await admin(broker, 'POST', '/webhooks', { url: 'https://hooks.example/none' });
  const lost = { prompt: 'Lost [[sim fault=500]]', model: 'lost', headers: { prefer: 'respond-async' } };
  await ask(broker.url, lost);
  const letter = await waitFor(
    'the letter',
    async () => (await admin<{ data: { id: string }[] }>(broker, 'GET', '/dead-letters')).json.data[0],
  );
  const { json } = await admin<{ key: string }>(broker, 'POST', '/admin-keys', { name: 'guest', role: 'read-only' });
  const guests = await the.browser.newContext({ viewport: { width: 1280, height: 900 } });
  const guest = (await openPage(guests)).page;
  const refused: string[] = [];
  guest.on('response', (answer) => {
    if (answer.status() === 403) refused.push(`${answer.request().method()} ${answer.url()}`);
  });
  await signIn(guest, broker.url, json.key);
  const tried: string[] = [];
  for (const path of [...PAGES, `/requests/${letter.id}`]) {
    await guest.goto(`${broker.url}/console${path}`);
    await guest.locator('main .page').waitFor();
    await guest.getByText('Loading …').first().waitFor({ state: 'detached' });
    tried.push(...(await tryControls(guest, path)));
  }
  expect(refused).toEqual([]);
  // Some are for every role, and were used.
  expect(tried).toContain('/accounts Credits …');
  await guest.goto(`${broker.url}/console/keys`);
  await guest.getByText('Disabled actions need the role operator.').waitFor();
  expect(await guest.getByRole('button', { name: 'New key …' }).getAttribute('title')).toContain('operator');
  await guests.close();
});

/** Presses every enabled button, and every button in its dialog. Returns what it pressed. */
async function tryControls(guest: Page, path: string): Promise<string[]> {
  const buttons = guest.locator('main button:enabled');
  const pressed: string[] = [];
  for (let index = 0; index < (await buttons.count()) && index < 40; index++) {
    const button = buttons.nth(index);
    pressed.push(`${path} ${(await button.textContent()) ?? ''}`.trim());
    await button.click();
    const dialog = guest.locator('dialog');
    if ((await dialog.count()) === 0) continue;
    const submit = dialog.locator('button[type=submit]:enabled');
    if ((await submit.count()) > 0) await submit.click();
    await guest.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }
  const links = await guest.locator('main a[download][href^="/"]').all();
  for (const link of links) await guest.evaluate(`fetch(${JSON.stringify(await link.getAttribute('href'))})`);
  return pressed;
}

test('an ended session asks to sign in, and returns to the same page', async () => {
  await the.go('/providers');
  await the.heading('Providers');
  // What the page reads again by itself finds it out.
  await the.context.clearCookies();
  await page.getByLabel('Admin key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await the.heading('Providers');
  expect(new URL(page.url()).pathname).toBe('/console/providers');
});

describe('signing in', () => {
  const session = (headers: Record<string, string>, method = 'POST') =>
    fetch(`${broker.url}/admin/session`, { method, headers });

  test('a wrong key is refused, and after ten nobody can sign in for a while', async () => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 12; tries++) {
      statuses.push((await session({ authorization: `Bearer wrong-${tries}` })).status);
    }
    // One wrong key was in the form above.
    expect(statuses.slice(0, 9)).toEqual(new Array(9).fill(401));
    expect(statuses.at(-1)).toBe(429);
    // Who is in stays in.
    await the.go('');
    await the.heading('Now');
  });

  test('a cookie cannot change anything without its page’s token, or after signing out', async () => {
    const [cookie] = (await the.context.cookies(`${broker.url}/admin`)).filter(({ name }) =>
      name.startsWith('sluice_'),
    );
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    const headers = { cookie: `${cookie!.name}=${cookie!.value}`, 'content-type': 'application/json' };
    const make = (more: Record<string, string>) =>
      fetch(`${broker.url}/admin/keys`, {
        method: 'POST',
        headers: { ...headers, ...more },
        body: '{"name":"forged"}',
      });
    expect((await make({})).status).toBe(401);
    expect((await make({ 'x-csrf-token': 'x' })).status).toBe(401);
    expect((await fetch(`${broker.url}/admin/keys`, { headers })).status).toBe(200);
    const { csrf_token: token } = (await (await session(headers, 'GET')).json()) as { csrf_token: string };
    expect((await make({ 'x-csrf-token': token })).status).toBe(201);
    expect(await broker.redis.client.keys(`*session:${cookie!.value}*`)).toEqual([]);
  });
});

test('everything that clients and providers write is shown as text', async () => {
  const { secret } = await broker.createKey(HOSTILE.slice(0, 100));
  const prompt = `Reply with exactly: ${HOSTILE}`;
  const answer = await ask(broker.url, { prompt, model: 'solo', key: secret });
  await ask(broker.url, { prompt, model: HOSTILE.slice(0, 60), key: secret });
  await waitFor('the books', async () => {
    const { json } = await admin<{ data: { id: string }[] }>(broker, 'GET', '/requests?limit=5');
    return json.data.some(({ id }) => id === answer.headers['x-request-id']);
  });
  await admin(broker, 'POST', '/holds', { deployment: 'secondary/pair', reason: HOSTILE });
  const shown = page.getByText('<img src=x').filter({ visible: true }).first();
  for (const path of [`/requests/${answer.headers['x-request-id']}`, '/requests', '/keys', '/providers']) {
    await the.go(path);
    await shown.waitFor();
  }
  await admin(broker, 'DELETE', `/holds/${encodeURIComponent('deployment:secondary/pair')}`);
  await the.go('/money');
  await page.getByRole('combobox', { name: 'By', exact: true }).selectOption('key');
  await shown.waitFor();
  await the.go('/playground');
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByLabel('Model').fill('solo');
  await page.getByLabel('Prompt').fill(prompt);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByTestId('answer').filter({ hasText: '<img src=x' }).waitFor();
  await the.go(`/requests?model=${encodeURIComponent(HOSTILE)}&outcome=${encodeURIComponent(HOSTILE)}`);
  await the.heading('Requests');
});

test('the live page reconnects when the API has restarted', async () => {
  await the.go('');
  await page.getByText('live', { exact: true }).waitFor();
  // A hidden tab uses no connection.
  const see = (isHidden: boolean) =>
    page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'))`);
  const isLive = (request: { url(): string }) => request.url().endsWith('/admin/live');
  const [left] = await Promise.all([page.waitForEvent('requestfailed', isLive), see(true)]);
  expect(left.failure()?.errorText).toBe('net::ERR_ABORTED');
  await Promise.all([page.waitForRequest(isLive), see(false)]);

  const before = broker.apis[0]!;
  const port = new URL(broker.url).port;
  await before.kill();
  await page.getByText('reconnecting …').waitFor();
  await broker.startCombined([], { PORT: port });
  await page.getByText('live', { exact: true }).waitFor({ timeout: 20_000 });
  await ask(broker.url, { prompt: 'Hello', model: 'solo', key: TEST_KEY });
  await page
    .getByText(/[1-9]\d* in the last minute/)
    .first()
    .waitFor({ timeout: 15_000 });
});
