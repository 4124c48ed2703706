// A browser with the console of a broker under test. Debian's own Chromium: nothing is downloaded.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { ADMIN_KEY } from './broker.ts';

const CHROMIUM = '/usr/bin/chromium';

/** Without Chromium these tests are skipped. */
export const hasBrowser = existsSync(CHROMIUM);

/**
 * The popups of the address bar, which are pages in a process of their own (0.6 s of CPU time in a browser with two pages), and
 * processes for pages that nobody has opened yet. The others are Playwright's: this list replaces its own.
 */
const DISABLED_FEATURES = [
  ...['WebUIOmniboxPopup', 'WebUIOmniboxAimPopup', 'SpareRendererForSitePerProcess'],
  ...['AvoidUnnecessaryBeforeUnloadCheckSync', 'DestroyProfileOnBrowserClose', 'HttpsUpgrades', 'LensOverlay'],
  ...['HttpsFirstBalancedModeAutoEnable', 'MediaRouter', 'PaintHolding', 'ThirdPartyStoragePartitioning'],
  ...['AvoidCorsURLLoaderRestartOnRedirect', 'OptimizationHints', 'NetworkTimeServiceQuerying', 'PreconnectToSearch'],
];

export async function startBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', `--disable-features=${DISABLED_FEATURES.join(',')}`];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

/** Of these sources: the broker reads it when it starts. One test file at a time: the second one finds it built. */
export function prepareConsole(): void {
  const script = fileURLToPath(new URL('../../scripts/build-console.mjs', import.meta.url));
  execFileSync('flock', [script, process.execPath, script]);
}

export interface Seen {
  page: Page;
  /** What the page has thrown, or the browser refused by its policy: nothing may be here. */
  complaints: string[];
}

export async function openPage(context: BrowserContext): Promise<Seen> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isExpected = /status of 4|ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE|net::ERR/.test(message.text());
    if (message.type() === 'error' && !isExpected) complaints.push(message.text());
  });
  page.setDefaultTimeout(10_000);
  return { page, complaints };
}

export async function signIn(page: Page, url: string, key = ADMIN_KEY): Promise<void> {
  await page.goto(`${url}/console/`);
  await page.getByLabel('Admin key').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Now' }).waitFor();
}

/** Tasks of pages' main threads: a longer one than 50 ms makes a frame late. */
export interface Tasks {
  count: number;
  /** By the clock, which includes the wait for a processor where the machine has other work. */
  longByClock: number;
  /** By the CPU time that they used. */
  longByCpu: number;
  longestCpuMs: number;
}

const LONG_US = 50_000;

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** Microseconds by the clock, and of CPU time. */
  dur?: number;
  tdur?: number;
  args?: { name?: string };
}

/** Runs it while the browser records a trace. */
export async function traceTasks(browser: Browser, run: () => Promise<unknown>): Promise<Tasks> {
  await browser.startTracing(undefined, { categories: ['toplevel', 'devtools.timeline'] });
  await run();
  const { traceEvents: events } = JSON.parse(String(await browser.stopTracing())) as { traceEvents: TraceEvent[] };
  const threadOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const names = events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain');
  const mains = new Set(names.map(threadOf));
  const tasks = events.filter((event) => event.name.endsWith('::RunTask') && mains.has(threadOf(event)));
  const cpu = tasks.map(({ tdur = 0 }) => tdur);
  return {
    count: tasks.length,
    longByClock: tasks.filter(({ dur = 0 }) => dur > LONG_US).length,
    longByCpu: cpu.filter((us) => us > LONG_US).length,
    longestCpuMs: cpu.reduce((most, us) => Math.max(most, us), 0) / 1_000,
  };
}
