// Shared by tests of the console: one broker with two simulated providers, one browser, and for each test a separate page,
// signed in. After each test no text may have been executed, and the page must not have logged errors.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { startBroker, type TestBroker } from './broker.ts';
import { hasBrowser, openPage, prepareConsole, signIn, startBrowser } from './console.ts';
import {
  deployment,
  PROVIDER_KEY,
  type Providers,
  provider,
  providerConfiguration,
  startProviders,
} from './providers.ts';

export interface ConsoleSuite {
  broker: TestBroker;
  browser: Browser;
  /** Of the operator that every page is signed in as. */
  context: BrowserContext;
  page: Page;
  go(path: string): Promise<unknown>;
  heading(name: string): Promise<void>;
}

/** Its members are there from the first `beforeEach` on. */
export function useConsole(): ConsoleSuite {
  const suite = {} as ConsoleSuite;
  let providers: Providers;
  let complaints: string[] = [];

  beforeAll(async () => {
    if (!hasBrowser) return;
    prepareConsole();
    providers = await startProviders({ tokens: 12 });
    [suite.broker, suite.browser] = await Promise.all([startOver(providers), startBrowser()]);
    suite.context = await suite.browser.newContext({ viewport: { width: 1280, height: 900 } });
    suite.go = (path) => suite.page.goto(`${suite.broker.url}/console${path}`);
    suite.heading = (name) => suite.page.getByRole('heading', { name, exact: true }).waitFor();
  });
  afterAll(async () => {
    await suite.browser?.close();
    await suite.broker?.stop();
    await providers?.close();
  });
  beforeEach(async ({ skip }) => {
    if (!hasBrowser) skip('there is no Chromium here');
    ({ page: suite.page, complaints } = await openPage(suite.context));
    const cookies = await suite.context.cookies(`${suite.broker.url}/admin`);
    if (!cookies.some(({ name }) => name.startsWith('sluice_console'))) await signIn(suite.page, suite.broker.url);
  });
  afterEach(async () => {
    const hacked = await suite.page?.evaluate('window.__hacked');
    await suite.page?.close();
    expect(hacked).toBeUndefined();
    expect(complaints).toEqual([]);
  });
  return suite;
}

async function startOver(providers: Providers): Promise<TestBroker> {
  const base = providerConfiguration(providers, { limits: { rpm: 10_000 } });
  // A separate circuit: failures here must not cause waits elsewhere.
  const hedged = {
    deployments: [deployment('primary', 'hedged'), deployment('secondary', 'hedged', { tier: 2 })],
    hedge: { after_ms: 100, max_share_percent: 100, max_extra_cost_percent: 100 },
  };
  const models = { ...base.models, hedged, lost: { deployments: [deployment('primary', 'lost')] } };
  const credentials = {
    first: { api_key: PROVIDER_KEY, weight: 3 },
    second: { api_key: PROVIDER_KEY, limits: { rpm: 90 } },
  };
  const { api_key: _, ...secondary } = provider(providers.secondary);
  const accounts = { ...base.providers, secondary: { ...secondary, credentials } };
  return startBroker({
    configuration: {
      ...base,
      providers: accounts,
      models,
      dead_letters: { bodies: 'plain' },
      alerts: { check_ms: 1_000 },
    },
    together: true,
  });
}
