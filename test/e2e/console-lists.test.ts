// The console of a large installation: 200 providers, 500 models. Every page can be searched, and none delays a frame.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DEFAULT_KEY_SETTINGS } from '#src/accounts/api-key.ts';
import { createKeyStore } from '#src/accounts/key-store.ts';
import { createLedgerStore } from '#src/ledger/ledger-store.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { hasBrowser, openPage, prepareConsole, signIn, startBrowser, traceTasks } from '#test/support/console.ts';
import { deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';

const PROVIDERS = 200;
const MODELS = 500;
const PAGES = ['', '/alerts', '/requests', '/providers', '/batches', '/money', '/keys', '/playground', '/simulator'];
PAGES.push('/settings');

let providers: Providers;
let broker: TestBroker;
let browser: Browser;
let page: Page;
beforeAll(async () => {
  if (!hasBrowser) return;
  prepareConsole();
  providers = await startProviders();
  const names = Array.from({ length: PROVIDERS }, (_, index) => `provider-${index}`);
  const limited = { limits: { rpm: 5_000, tpm: 1_000_000, concurrency: 50 } };
  broker = await startBroker({
    together: true,
    configuration: {
      providers: Object.fromEntries(names.map((name) => [name, provider(providers.primary, limited)])),
      models: Object.fromEntries(
        Array.from({ length: MODELS }, (_, index) => [
          `model-${index}`,
          {
            deployments: [0, 1].map((more) =>
              // Of the second ones, one provider has all.
              deployment(names[more === 0 ? index % PROVIDERS : 0]!, `model-${index}`, { tier: more + 1 }),
            ),
          },
        ]),
      ),
    },
  });
  await fill(broker);
  browser = await startBrowser();
  ({ page } = await openPage(await browser.newContext({ viewport: { width: 1280, height: 900 } })));
  await signIn(page, broker.url);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await broker?.stop();
  await providers?.close();
});
beforeEach(({ skip }) => {
  if (!hasBrowser) skip('there is no Chromium here');
});

test.each(PAGES)(
  'the page %s is shown, refreshed and scrolled without a slow task',
  async (path) => {
    const tasks = await traceTasks(browser, async () => {
      await page.goto(`${broker.url}/console${path}`);
      await page.locator('main .page').waitFor();
      await page.getByText('Loading …').first().waitFor({ state: 'detached' });
      await page.mouse.move(700, 500);
      for (let turn = 0; turn < 15; turn++) {
        await page.mouse.wheel(0, 1_500);
        await page.waitForTimeout(30);
      }
      // Data is read again when the page becomes visible, if it is two seconds old.
      await page.waitForTimeout(2_100);
      await page.evaluate(`window.dispatchEvent(new Event('visibilitychange'))`);
      await page.waitForTimeout(800);
    });
    expect(tasks).toMatchObject({ longByCpu: 0 });
  },
  60_000,
);

test('a provider is found by one of its models, a setting by its name, and a long table shows more on request', async () => {
  await page.goto(`${broker.url}/console/providers`);
  await page.getByLabel('Find').fill('model-317');
  await page.getByRole('heading', { name: 'provider-117', exact: true }).waitFor();
  expect(await page.getByRole('row', { name: /model-/ }).allTextContents()).toHaveLength(2);
  await page.getByLabel('Find').fill('');
  const first = page.getByRole('region', { name: 'Deployments of provider-0', exact: true });
  await first.getByText('100 of 500 are shown').waitFor();
  await first.getByRole('button', { name: 'Show more' }).click();
  await first.getByText('200 of 500 are shown').waitFor();
  await page.getByLabel('Only on hold or with an open circuit').check();
  await page.getByText('No provider matches.').waitFor();

  await page.goto(`${broker.url}/console/settings`);
  await page.getByLabel('Find').fill('models.model-317.');
  await page.getByText('models.model-317.deployments.0.provider').waitFor();
});

/** A key and a request for each model. */
async function fill({ database }: TestBroker): Promise<void> {
  const keys = createKeyStore(database);
  const ledger = createLedgerStore(database);
  const nowMs = Date.now() - 60_000;
  const of = (index: number) => ({
    requestId: `req_0${String(index).padStart(25, '0')}`,
    keyId: 'key_none',
    model: `model-${index}`,
    protocol: 'openai-chat',
    lane: 'interactive' as const,
    isStream: false,
    outcome: 'ok',
    provider: `provider-${index % PROVIDERS}`,
    upstreamModel: `model-${index}`,
    costPicoUsd: '1000000000',
  });
  await ledger.insert(
    Array.from({ length: MODELS }, (_, index) => ({
      request: { ...of(index), acceptedAtMs: nowMs, finishedAtMs: nowMs, attempts: 1, timeline: [], chargeUnits: 1 },
      attempt: {
        ...of(index),
        attempt: 1,
        deployment: `provider-${index % PROVIDERS}/model-${index}`,
        state: 'settled' as const,
        startedAtMs: nowMs,
        queueMs: 1,
        firstByteMs: 1,
        durationMs: 2,
        inputTokens: 10,
        cachedInputTokens: 0,
        cacheWriteTokens: 0,
        outputTokens: 10,
        reasoningTokens: 0,
      },
    })),
  );
  for (let index = 0; index < MODELS; index++) await keys.create(`key ${index}`, DEFAULT_KEY_SETTINGS);
}
