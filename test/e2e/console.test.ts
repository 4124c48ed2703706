// The console in a real browser, over one broker: what a newcomer does first, what an operator does when a provider fails, and
// what clients and providers must not be able to do to the page.
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page, Response } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { admin } from '#test/support/admin.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { hasBrowser, openPage, prepareConsole, signIn, startBrowser } from '#test/support/console.ts';
import {
  deployment,
  PROVIDER_KEY,
  type Providers,
  provider,
  providerConfiguration,
  startProviders,
} from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** A string that would run if it were taken for markup anywhere. */
const HOSTILE = `"><img src=x onerror="window.__hacked=1"><script>window.__hacked=2</script>`;

let providers: Providers;
let broker: TestBroker;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let complaints: string[];

beforeAll(async () => {
  if (!hasBrowser) return;
  prepareConsole();
  providers = await startProviders({ tokens: 12 });
  const base = providerConfiguration(providers, { limits: { rpm: 10_000 } });
  // A circuit of its own: what fails here must not be waited for elsewhere.
  const models = { ...base.models, lost: { deployments: [deployment('primary', 'lost')] } };
  const credentials = {
    first: { api_key: PROVIDER_KEY, weight: 3 },
    second: { api_key: PROVIDER_KEY, limits: { rpm: 90 } },
  };
  const { api_key: _, ...secondary } = provider(providers.secondary);
  const accounts = { ...base.providers, secondary: { ...secondary, credentials } };
  broker = await startBroker({
    configuration: { ...base, providers: accounts, models, dead_letters: { bodies: 'plain' } },
    batches: 1,
  });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  await broker?.stop();
  await providers?.close();
});

beforeEach(async ({ skip }) => {
  if (!hasBrowser) skip('there is no Chromium here');
  context ??= await browser.newContext({ viewport: { width: 1280, height: 900 } });
  ({ page, complaints } = await openPage(context));
  const isIn = (await context.cookies(`${broker.url}/admin`)).some(({ name }) => name.startsWith('sluice_console'));
  if (!isIn) await signIn(page, broker.url);
});
afterEach(async () => {
  const hacked = await page?.evaluate('window.__hacked');
  await page?.close();
  expect(hacked).toBeUndefined();
  expect(complaints ?? []).toEqual([]);
});

const go = (path: string) => page.goto(`${broker.url}/console${path}`);
const heading = (name: string) => page.getByRole('heading', { name, exact: true }).waitFor();

test('the first load is small, and nothing of it is loaded from elsewhere', async () => {
  const fresh = await browser.newContext();
  const loading = await fresh.newPage();
  const sizes: Promise<number>[] = [];
  const hosts = new Set<string>();
  loading.on('response', (response) => {
    hosts.add(new URL(response.url()).origin);
    // Of the stream of events there is none: it does not end.
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

test('its files are held to a strict policy; hashed ones may be kept for ever', async () => {
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

describe('signing in', () => {
  const session = (headers: Record<string, string>, method = 'POST') =>
    fetch(`${broker.url}/admin/session`, { method, headers });

  test('a wrong key is refused, and after ten nobody is let in for a while', async () => {
    const statuses: number[] = [];
    for (let tries = 0; tries < 12; tries++) {
      statuses.push((await session({ authorization: `Bearer wrong-${tries}` })).status);
    }
    expect(statuses.slice(0, 10)).toEqual(new Array(10).fill(401));
    expect(statuses.at(-1)).toBe(429);
    // Who is in stays in.
    await go('');
    await heading('Now');
  });

  test('a cookie changes nothing without the token that its page has, and nothing after signing out', async () => {
    const [cookie] = (await context.cookies(`${broker.url}/admin`)).filter(({ name }) => name.startsWith('sluice_'));
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

test('from the first start to an answer in the playground: words, cost, code', async () => {
  await go('/playground');
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByLabel('Model').fill('pair');
  await page.getByLabel('Prompt').fill('Reply with exactly: it works here');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByTestId('answer').filter({ hasText: 'it works here' }).waitFor();
  await page.getByText('1 attempt').waitFor();
  await page.getByRole('tab', { name: 'Python' }).click();
  await page.getByText('from openai import OpenAI').waitFor();
  for (const protocol of ['openai-responses', 'anthropic-messages', 'gemini-generate-content']) {
    await page.getByLabel('Protocol').selectOption(protocol);
    await page.getByRole('button', { name: 'Send' }).click();
    await page.getByTestId('answer').filter({ hasText: 'it works here' }).waitFor();
    await page.getByText('1 attempt').waitFor();
  }
});

test('a failover is seen in the waterfall: the attempt that failed, the one that answered', async () => {
  const prompt = 'A question [[sim on=primary fault=503]]';
  const { headers } = await ask(broker.url, { prompt, model: 'pair', stream: true });
  await go(`/requests/${headers['x-request-id']}`);
  await page.getByRole('button', { name: /Attempt 1 · primary.*upstream overloaded/ }).waitFor();
  const answered = page.getByRole('button', { name: /Attempt \d · secondary.*ok/ });
  await answered.click();
  await page.getByText('tokens per second').waitFor();
  await page.getByText('answered by secondary').waitFor();
});

test('the waterfall says how an answer grew, who was not asked and why, where a broken answer was taken up', async () => {
  await admin(broker, 'POST', '/holds', { provider: 'primary', reason: 'to be seen' });
  const steady = '[[sim tokens=40]] [[sim pace=20]]';
  const held = await ask(broker.url, { prompt: `Grow ${steady}`, model: 'pair', stream: true });
  await admin(broker, 'DELETE', '/holds/provider:primary');
  await go(`/requests/${held.headers['x-request-id']}`);
  await page.getByRole('button', { name: /Not asked · primary.*held by an operator/ }).waitFor();
  await page.locator('.piece.grown .curve').waitFor();
  await page.getByRole('button', { name: /Attempt 1 · secondary/ }).click();
  await page.getByText('Frames sent').waitFor();
  await page.getByText('Tokens over time').waitFor();

  const broken = await ask(broker.url, {
    prompt: `Cut [[sim on=primary fault=cut@6]] ${steady}`,
    model: 'pair',
    stream: true,
  });
  await go(`/requests/${broken.headers['x-request-id']}`);
  await page.getByRole('button', { name: /Attempt 3 · secondary.*said the answer again/ }).waitFor();
  await page
    .getByRole('row', { name: /output/ })
    .first()
    .waitFor();
});

test('a hold is placed with a reason, obeyed, and released', async () => {
  await go('/providers');
  const panel = page.locator('section', { has: page.getByRole('heading', { name: 'primary', exact: true }) });
  await panel.getByRole('button', { name: 'Hold …' }).first().click();
  await page.getByLabel('Reason').fill('maintenance until noon');
  await page.getByRole('dialog').getByRole('button', { name: 'Hold', exact: true }).click();
  await panel.getByText('maintenance until noon').waitFor();
  const answer = await ask(broker.url, { prompt: 'Hello', model: 'pair' });
  expect(answer.headers['x-sluice-provider']).toBe('secondary');
  await panel.getByRole('button', { name: 'Release' }).first().click();
  await panel.getByText('maintenance until noon').waitFor({ state: 'detached' });
  // One credential of several: its share, its limit, and a hold of its own.
  const row = page.getByRole('row', { name: /^second / });
  await row.getByText('25 %').waitFor();
  await row.getByRole('meter').waitFor();
  await row.getByRole('button', { name: 'Hold …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Hold', exact: true }).click();
  await row.getByText('held', { exact: true }).waitFor();
  await row.getByRole('button', { name: 'Release' }).click();
  await row.getByText('healthy').waitFor();
});

test('a batch is looked through, uploaded, watched and downloaded', async () => {
  const line = (id: string) =>
    JSON.stringify({
      custom_id: id,
      method: 'POST',
      url: '/v1/chat/completions',
      body: { model: 'solo', messages: [{ role: 'user', content: `Hello ${id}` }] },
    });
  const file = (name: string, text: string) => ({ name, mimeType: 'application/jsonl', buffer: Buffer.from(text) });
  await go('/batches');
  const input = page.locator('input[type=file]');
  await input.setInputFiles(file('bad.jsonl', `${line('a')}\n${line('a')}\nnot json`));
  await page.getByText("line 2: custom_id 'a' is there twice").waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Start the batch' }).click();
  await page.getByText('The file has faults; nothing was sent.').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();

  await input.setInputFiles(file('good.jsonl', `${line('a')}\n${line('b')}\n`));
  await page.getByText('no faults found').waitFor();
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByRole('button', { name: 'Start the batch' }).click();
  await page.getByText('2 of 2 lines').waitFor({ timeout: 20_000 });
  const results = page.getByRole('link', { name: 'Results' });
  await results.waitFor({ timeout: 20_000 });
  const [download] = await Promise.all([page.waitForEvent('download'), results.click()]);
  const text = readFileSync(await download.path(), 'utf8');
  expect(text.trim().split('\n')).toHaveLength(2);
});

test('a budget that runs out is seen, and seen coming', async () => {
  const { id, secret } = await broker.createKey('thrifty');
  await admin(broker, 'PATCH', `/keys/${id}`, { budgets: { day: 0.0002 } });
  const asked = () => ask(broker.url, { prompt: 'Hello', model: 'solo', key: secret, more: { max_tokens: 12 } });
  await asked();
  await waitFor('the books', async () => {
    const { json } = await admin<{ data: { id: string; spent_usd: string }[] }>(broker, 'GET', '/budgets');
    return Number(json.data.find((budget) => budget.id === id)?.spent_usd) > 0;
  });
  expect((await asked()).status).toBe(402);
  await go('/money');
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

test('a fault rule is switched on and off, and strikes between', async () => {
  await go('/simulator');
  const panel = page.locator('section', { has: page.getByRole('heading', { name: 'primary', exact: true }) });
  await panel.getByLabel('It is down (503)').click();
  await panel.getByRole('cell', { name: 'unavailable' }).waitFor();
  expect((await ask(broker.url, { prompt: 'Hello', model: 'pair' })).headers['x-sluice-provider']).toBe('secondary');
  await panel.getByRole('button', { name: 'Off' }).click();
  await panel.getByText('No fault is on').waitFor();
});

test('keys: made, shown once, revoked; dead letters: replayed', async () => {
  await go('/keys');
  await page.getByRole('button', { name: 'New key …' }).click();
  await page.getByLabel('Name').fill('made here');
  await page.getByRole('button', { name: 'Make it' }).click();
  const secret = (await page.getByRole('dialog').locator('pre').textContent())!;
  expect((await ask(broker.url, { prompt: 'Hello', model: 'solo', key: secret })).status).toBe(200);
  await page.getByRole('button', { name: 'Close' }).click();
  const row = page.getByRole('row', { name: /made here/ });
  await row.getByRole('button', { name: 'Revoke …' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke', exact: true }).click();
  await row.waitFor({ state: 'detached' });

  await ask(broker.url, { prompt: 'Lost [[sim fault=500]]', model: 'lost', headers: { prefer: 'respond-async' } });
  // A page that was there before it would look again after a while only.
  await waitFor(
    'the letter',
    async () => (await admin<{ data: object[] }>(broker, 'GET', '/dead-letters')).json.data[0],
  );
  await go('/dead-letters');
  await page.getByRole('button', { name: 'Replay …' }).first().click();
  await page.getByLabel('Another model').fill('pair');
  await page.getByRole('dialog').getByRole('button', { name: 'Replay', exact: true }).click();
  await page.getByText(/Replayed as req_/).waitFor();
});

test('operators: a key with a role is made and revoked, and the log says by whom and what changed', async () => {
  await go('/operators');
  await page.getByRole('button', { name: 'New admin key …' }).click();
  await page.getByLabel('Name').fill('dashboards');
  await page.getByRole('button', { name: 'Make it' }).click();
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
  await go('/audit');
  await page.getByLabel('To what').fill(`/admin/keys/${id}`);
  await page
    .getByRole('row', { name: /batch_weight: 1 → 3/ })
    .getByText('SLUICE_ADMIN_KEY')
    .waitFor();
  await page.getByLabel('To what').fill('');
  await page.getByLabel('Who').fill('dashb');
  await page
    .getByRole('row', { name: /POST \/admin\/keys/ })
    .getByText('403')
    .waitFor();
});

test('whatever clients and providers write is text', async () => {
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
    await go(path);
    await shown.waitFor();
  }
  await admin(broker, 'DELETE', `/holds/${encodeURIComponent('deployment:secondary/pair')}`);
  await go('/money');
  await page.getByRole('combobox', { name: 'By', exact: true }).selectOption('key');
  await shown.waitFor();
  await go('/playground');
  await page.getByLabel('As this key').selectOption({ label: 'test' });
  await page.getByLabel('Model').fill('solo');
  await page.getByLabel('Prompt').fill(prompt);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByTestId('answer').filter({ hasText: '<img src=x' }).waitFor();
  await go(`/requests?model=${encodeURIComponent(HOSTILE)}&outcome=${encodeURIComponent(HOSTILE)}`);
  await heading('Requests');
});

const PAGES = ['', '/requests', '/providers', '/batches', '/money', '/keys', '/dead-letters', '/webhooks'];
PAGES.push('/playground', '/simulator', '/operators', '/audit', '/settings');

test('axe finds no fault on any page, light or dark; the focus is seen; none is wider than a small screen', async () => {
  const { headers } = await ask(broker.url, { prompt: 'Hello [[sim on=primary fault=503]]', model: 'pair' });
  const found: string[] = [];
  for (const path of [...PAGES, `/requests/${headers['x-request-id']}`]) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    await go(path);
    await page.locator('main .page').waitFor();
    await page.getByText('Loading …').first().waitFor({ state: 'detached' });
    found.push(...(await faultsOf(path, ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'])));
    found.push(...(await unseenFocus(path)));
    await page.emulateMedia({ colorScheme: 'dark' });
    found.push(...(await faultsOf(`${path} in dark`, ['color-contrast'])));
    await page.setViewportSize({ width: 320, height: 640 });
    const wide = Number(await page.evaluate('document.documentElement.scrollWidth'));
    if (wide > 320) found.push(`${path || '/'} is ${wide} px wide on a screen of 320`);
  }
  expect(found).toEqual([]);
}, 120_000);

/** Through the page's own first parts. */
async function unseenFocus(path: string): Promise<string[]> {
  await page.evaluate('document.getElementById("content").focus()');
  const faults: string[] = [];
  for (let turn = 0; turn < 6; turn++) {
    await page.keyboard.press('Tab');
    const { tag, text, isSeen } = (await page.evaluate(FOCUS)) as { tag: string; text: string; isSeen: boolean };
    if (tag !== 'BODY' && !isSeen) faults.push(`${path}: the focus is not seen on ${tag} ${text}`);
  }
  return faults;
}

const FOCUS = `(() => {
  const element = document.activeElement;
  const { outlineStyle } = getComputedStyle(element);
  return { tag: element.tagName, text: element.textContent.slice(0, 40), isSeen: outlineStyle !== 'none' };
})()`;

test('by keys alone: a way past the menu, dialogs that keep the focus and give it back', async () => {
  await go('/keys');
  await page.locator('main .page').waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('content');
  const opener = page.getByRole('button', { name: 'New key …' });
  await opener.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  for (let turn = 0; turn < 20; turn++) {
    await page.keyboard.press('Tab');
    const isInside = await page.evaluate(
      'document.activeElement === document.body || document.activeElement.closest("dialog") !== null',
    );
    expect(isInside).toBe(true);
  }
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await page.evaluate('document.activeElement.textContent')).toBe('New key …');

  await go('/playground');
  await page.getByRole('tab', { name: 'curl' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByText('from openai import OpenAI').waitFor();
});

async function faultsOf(path: string, rules: string[]): Promise<string[]> {
  // Past the page's own policy, which forbids scripts from elsewhere: as a browser's tools do.
  const session = await context.newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: `window.axe ?? (() => { ${AXE} })()` });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { runOnly: ${JSON.stringify(rules)} })
      .then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).slice(0, 3).join(' | '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return (JSON.parse(String(result.value)) as string[]).map((fault) => `${path || '/'} ${fault}`);
}

test('a table of very many rows is scrolled to its end without all of them being there', async () => {
  await insertMany(12_000);
  await go('/requests?model=many');
  const rows = page.locator('.rows');
  await rows.locator('.line').first().waitFor();
  const longest = (await page.evaluate(SCROLL)) as { longestMs: number; rows: number; height: number };
  expect(longest.height).toBeGreaterThan(1_000 * 34);
  expect(longest.rows).toBeLessThan(120);
  // Noise of a shared machine aside: a table that made all its rows would take seconds.
  expect(longest.longestMs).toBeLessThan(1_000);
  await rows.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await heading('Request');
});

/** Runs in the page: scrolls on for seconds, and says what the slowest frame took. */
const SCROLL = `(async () => {
  const scroller = document.querySelector('.rows');
  let [longestMs, before] = [0, performance.now()];
  const untilMs = before + 1200;
  while (performance.now() < untilMs) {
    scroller.scrollTop += 1500;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    longestMs = Math.max(longestMs, now - before);
    before = now;
  }
  return { longestMs, rows: document.querySelectorAll('.rows .line').length, height: scroller.scrollHeight };
})()`;

/** Requests of two hours ago, straight into the ledger. */
async function insertMany(count: number): Promise<void> {
  const ledger = createLedgerStore(broker.database);
  const startMs = Date.now() - 7_200_000;
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  const idOf = (number: number) =>
    `req_0${'0'.repeat(16)}${[3, 2, 1, 0].map((place) => digits[Math.floor(number / 32 ** place) % 32]).join('')}0000`;
  for (let from = 0; from < count; from += 2_000) {
    const messages = Array.from({ length: Math.min(2_000, count - from) }, (_, index) => ({
      request: {
        requestId: idOf(from + index),
        keyId: 'key_none',
        model: 'many',
        protocol: 'openai-chat',
        lane: 'interactive' as const,
        isStream: false,
        outcome: 'ok',
        provider: 'primary',
        upstreamModel: 'many',
        acceptedAtMs: startMs + from + index,
        finishedAtMs: startMs + from + index + 400,
        attempts: 1,
        costPicoUsd: '1000000',
        timeline: [],
        chargeUnits: 1,
      },
    }));
    await ledger.insert(messages);
  }
}

test('the live page comes back when the API has restarted', async () => {
  await go('');
  await page.getByText('live', { exact: true }).waitFor();
  // A tab that nobody sees takes no connection.
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
  await broker.startApi({ PORT: port });
  await page.getByText('live', { exact: true }).waitFor({ timeout: 20_000 });
  await ask(broker.url, { prompt: 'Hello', model: 'solo', key: TEST_KEY });
  await page
    .getByText(/[1-9]\d* in the last minute/)
    .first()
    .waitFor({ timeout: 15_000 });
});
