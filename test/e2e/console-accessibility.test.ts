// Accessibility of the console: axe on every page and dialog, keyboard only, small screens.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { beforeEach, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import type { TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { useConsole } from '#test/support/console-suite.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const the = useConsole();
let page: Page;
let broker: TestBroker;
beforeEach(() => {
  ({ page, broker } = the);
});

const PAGES = ['', '/alerts', '/requests', '/providers', '/batches', '/money', '/accounts', '/keys', '/dead-letters'];
PAGES.push('/webhooks', '/playground', '/simulator', '/operators', '/audit', '/settings');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

test('axe finds no fault on any page, light or dark; the focus is visible; no page is wider than a small screen', async () => {
  const { headers } = await ask(broker.url, { prompt: 'Hello [[sim on=primary fault=503]]', model: 'pair' });
  // A row in each table, with all that can be done.
  await ask(broker.url, { prompt: 'Lost [[sim fault=500]]', model: 'lost' });
  const { id } = await broker.createKey(
    'a key whose name is so long that it fills a row of its table on a small screen',
  );
  await admin(broker, 'PATCH', `/keys/${id}`, { budgets: { day: 0.0002 }, limits: { rpm: 1_000, concurrency: 8 } });
  await admin(broker, 'POST', '/accounts', { kind: 'organisation', name: 'small', credits: {} });
  await admin(broker, 'POST', '/webhooks', { url: 'https://receiver.example/with/a/long/path?and=a&long=query' });
  const found: string[] = [];
  for (const path of [...PAGES, `/requests/${headers['x-request-id']}`]) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    await the.go(path);
    await page.locator('main .page').waitFor();
    await page.getByText('Loading …').first().waitFor({ state: 'detached' });
    found.push(...(await faultsOf(path, WCAG)));
    found.push(...(await unseenFocus(path)));
    await page.emulateMedia({ colorScheme: 'dark' });
    found.push(...(await faultsOf(`${path} in dark`, ['color-contrast'])));
    await page.setViewportSize({ width: 320, height: 640 });
    const wide = Number(await page.evaluate('document.documentElement.scrollWidth'));
    if (wide > 320) found.push(`${path || '/'} is ${wide} px wide on a screen of 320`);
    const hidden = (await page.evaluate(OUT_OF_SIGHT)) as string[];
    found.push(...hidden.map((text) => `${path || '/'}: '${text}' is out of sight on a screen of 320`));
    const covered = (await page.evaluate(COVERED)) as string[];
    found.push(...covered.map((text) => `${path || '/'}: a title lies over '${text}' on a screen of 320`));
    found.push(...(await faultsOf(`${path} at 320`, WCAG)));
  }
  expect(found).toEqual([]);
}, 120_000);

/** Controls that are reached by scrolling sideways only. The table of requests is a list of links, which its first column has. */
const OUT_OF_SIGHT = `[...document.querySelectorAll('main :is(button, input, select, textarea, a)')]
  .filter((one) => one.checkVisibility() && one.closest('dialog') === null)
  .filter((one) => one.getBoundingClientRect().right > 320.5 || one.getBoundingClientRect().left < -0.5)
  .map((one) => (one.textContent || one.getAttribute('aria-label') || one.tagName).slice(0, 40))`;

/** Cells of tables shown as cards whose value starts before the title of its column ends. */
const COVERED = `[...document.querySelectorAll('table.plain td')]
  .filter((cell) => cell.checkVisibility() && !/^(none|"")$/.test(getComputedStyle(cell, '::before').content))
  .filter((cell) => parseFloat(getComputedStyle(cell).paddingLeft) < parseFloat(getComputedStyle(cell, '::before').width))
  .map((cell) => cell.textContent.slice(0, 40))`;

/** Tabs through the first elements of the page. */
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

test('by keyboard alone: skipping the menu, dialogs that keep the focus and give it back', async () => {
  await the.go('/keys');
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

  await the.go('/playground');
  await page.getByRole('tab', { name: 'curl' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByText('from openai import OpenAI').waitFor();
});

async function faultsOf(path: string, rules: string[]): Promise<string[]> {
  // Bypasses the page's own policy, which forbids foreign scripts, as a browser's developer tools do.
  const session = await the.context.newCDPSession(page);
  const isThere = await session.send('Runtime.evaluate', { expression: "'axe' in window", returnByValue: true });
  if (isThere.result.value !== true) await session.send('Runtime.evaluate', { expression: `(() => { ${AXE} })()` });
  const { result } = await session.send('Runtime.evaluate', {
    expression: `axe.run(document, { runOnly: ${JSON.stringify(rules)} })
      .then(({ violations }) => JSON.stringify(violations.map(({ id, nodes }) => id + ': ' + nodes.map(({ target }) => target.join(' ')).slice(0, 3).join(' | '))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  return (JSON.parse(String(result.value)) as string[]).map((fault) => `${path || '/'} ${fault}`);
}

const DIALOGS = [
  ['/providers', 'Hold …'],
  ['/accounts', 'New organisation …'],
  ['/accounts', 'Credits …'],
  ['/accounts', 'Edit …'],
  ['/keys', 'New key …'],
  ['/keys', 'Rotate …'],
  ['/keys', 'Revoke …'],
  ['/dead-letters', 'Replay many …'],
  ['/webhooks', 'New receiver …'],
  ['/operators', 'New admin key …'],
] as const;

test('every dialog has a name, keeps the focus, passes axe in light and dark, fits, and gives the focus back', async () => {
  await admin(broker, 'POST', '/accounts', { kind: 'organisation', name: 'payer', credits: {} });
  const found: string[] = [];
  for (const [index, [path, name]] of DIALOGS.entries()) {
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    await the.go(path);
    const opener = page.getByRole('button', { name, exact: true }).first();
    await opener.focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    if (((await dialog.getAttribute('aria-label')) ?? '') === '') found.push(`${path} ${name}: no name`);
    for (const summary of await dialog.locator('summary').all()) await summary.click();
    found.push(...(await faultsOf(`${path} ${name}`, WCAG)));
    found.push(...(await escapesOf(`${path} ${name}`)));
    await page.emulateMedia({ colorScheme: 'dark' });
    found.push(...(await faultsOf(`${path} ${name} in dark`, ['color-contrast'])));
    await page.setViewportSize({ width: 320, height: 640 });
    const wide = await page.evaluate(
      `(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('dialog'))`,
    );
    if (Number(wide) > 0) found.push(`${path} ${name}: ${wide} px too wide for a screen of 320`);
    if (index % 2 === 0) await page.keyboard.press('Escape');
    else await dialog.getByRole('button', { name: /^(Cancel|Close)$/ }).press('Enter');
    await dialog.waitFor({ state: 'detached' });
    const back = await page.evaluate('document.activeElement.textContent');
    if (back !== name) found.push(`${path} ${name}: the focus went to ${String(back).slice(0, 40)}`);
  }
  expect(found).toEqual([]);
}, 90_000);

/** Once around by Tab, and back. */
async function escapesOf(name: string): Promise<string[]> {
  const isInside = `document.activeElement === document.body || document.activeElement.closest('dialog') !== null`;
  for (let turn = 0; turn < 24; turn++) {
    await page.keyboard.press(turn < 18 ? 'Tab' : 'Shift+Tab');
    if ((await page.evaluate(isInside)) !== true) return [`${name}: the focus gets out`];
  }
  return [];
}
