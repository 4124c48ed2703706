// A browser at the console of a broker under test. Debian's own Chromium: nothing is downloaded.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { ADMIN_KEY } from './broker.ts';

const CHROMIUM = '/usr/bin/chromium';

/** Where there is none, nothing can be seen. */
export const hasBrowser = existsSync(CHROMIUM);

export async function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
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
