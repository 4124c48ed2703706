// Screenshots of the console for README and docs: `npm run screenshots` starts a broker in front of two simulators, sends
// requests for a while, and writes docs/images/console-*.png. Needs Debian's Chromium and a Redis server. With LOOK=DIR every
// page is captured at widths of 320, 1280 and 3840 pixels, light and dark, into that folder, for inspection.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { admin } from '../test/support/admin.ts';
import { startBroker } from '../test/support/broker.ts';
import { ask } from '../test/support/client.ts';
import { openPage, prepareConsole, signIn, startBrowser } from '../test/support/console.ts';
import { PRICE, providerConfiguration, startProviders } from '../test/support/providers.ts';

const IMAGES = fileURLToPath(new URL('../docs/images/', import.meta.url));
const BUSY_MS = Number(process.env.BUSY_MS ?? 40_000);

const PAGES = [
  '',
  'alerts',
  'requests',
  'providers',
  'batches',
  'money',
  'accounts',
  'keys',
  'dead-letters',
  'webhooks',
  'playground',
  'simulator',
];
PAGES.push('operators', 'audit', 'settings');

prepareConsole();
mkdirSync(IMAGES, { recursive: true });
const providers = await startProviders({ paceMs: 12, firstTokenMs: 180, tokens: 60 });
const base = providerConfiguration(providers, { limits: { rpm: 900, concurrency: 40 } });
const broker = await startBroker({
  configuration: {
    ...base,
    models: {
      ...base.models,
      'gpt-4o': {
        deployments: [
          { provider: 'primary', model: 'gpt-4o', price: PRICE },
          { provider: 'secondary', model: 'gpt-4o', tier: 2, price: PRICE },
        ],
      },
      hedged: {
        deployments: [
          { provider: 'primary', model: 'hedged', price: PRICE },
          { provider: 'secondary', model: 'hedged', tier: 2, price: PRICE },
        ],
        hedge: { after_ms: 500, max_share_percent: 100, max_extra_cost_percent: 100 },
      },
      'claude-sonnet': {
        deployments: [{ provider: 'secondary', model: 'claude-sonnet', price: { input: 3, output: 15 } }],
      },
    },
    dead_letters: { bodies: 'plain' },
    alerts: { check_ms: 1_000, budget_percent: [10, 50, 80, 100] },
  },
  batches: 1,
});
const browser = await startBrowser();

try {
  const keys = [
    await broker.createKey('search'),
    await broker.createKey('support'),
    await broker.createKey('research'),
  ];
  await admin(broker, 'PATCH', `/keys/${keys[0]!.id}`, { budgets: { month: 5 }, limits: { rpm: 600 } });
  await admin(broker, 'PATCH', `/keys/${keys[1]!.id}`, { budgets: { day: 0.05 } });
  keys.push(await makeAccounts());
  await beBusy(keys.map(({ secret }) => secret));
  const failover = await failoverRequest(keys[2]!.secret);
  const hedged = await hedgedRequest(keys[2]!.secret);
  await (process.env.LOOK === undefined
    ? takePictures(failover, hedged)
    : lookAtAll(process.env.LOOK, [failover, hedged]));
} finally {
  await browser.close();
  await broker.stop();
  await providers.close();
}

/** An organisation with two projects; returns a key below it. */
async function makeAccounts(): Promise<{ id: string; secret: string }> {
  const make = async (path: string, body: object) =>
    (await admin<{ id: string; key: string }>(broker, 'POST', path, body)).json;
  const organisation = await make('/accounts', {
    kind: 'organisation',
    name: 'Acme',
    budgets: { month: 0.5 },
    limits: { rpm: 3_000 },
    credits: { markup_percent: 10 },
    metadata: { contract: '2026-17' },
  });
  await admin(broker, 'POST', `/accounts/${organisation.id}/credits`, { amount_usd: 100, note: 'invoice 17' });
  const under = { kind: 'project', organisation: organisation.id };
  const project = await make('/accounts', { ...under, name: 'Assistant', budgets: { day: 0.06, month: 0.4 } });
  await make('/accounts', { ...under, name: 'Evaluation', models: ['gpt-4o', 'claude-*'], limits: { concurrency: 4 } });
  const { id, key: secret } = await make('/keys', { name: 'assistant-web', project: project.id });
  return { id, secret };
}

async function beBusy(secrets: readonly string[]): Promise<void> {
  const untilMs = Date.now() + BUSY_MS;
  const models = ['gpt-4o', 'gpt-4o', 'claude-sonnet', 'pair'];
  const work = async (place: number) => {
    for (let turn = place; Date.now() < untilMs; turn += 7) {
      const fault =
        turn % 11 === 0 ? ' [[sim on=primary fault=503]]' : turn % 23 === 0 ? ' [[sim fault=context_length]]' : '';
      const prompt = `Question ${turn}: what is new?${fault} [[sim tokens=${20 + ((turn * 13) % 90)}]]`;
      await ask(broker.url, {
        prompt,
        model: models[turn % models.length]!,
        stream: turn % 3 !== 0,
        key: secrets[turn % secrets.length]!,
      });
    }
  };
  await Promise.all(Array.from({ length: 7 }, (_, place) => work(place)));
}

async function failoverRequest(key: string): Promise<string> {
  const answer = await ask(broker.url, {
    prompt: 'Tell me a story. [[sim on=primary fault=cut@1]] [[sim tokens=110]]',
    model: 'gpt-4o',
    stream: true,
    key,
  });
  return answer.headers['x-request-id']!;
}

/** As many second attempts may be made as answers were given. */
async function hedgedRequest(key: string): Promise<string> {
  const asked = (prompt: string) => ask(broker.url, { prompt, model: 'hedged', stream: true, key });
  for (let turn = 0; turn < 5; turn++) await asked(`Warm up ${turn}.`);
  const { headers } = await asked('Tell me a story. [[sim on=primary fault=slow:4000]] [[sim tokens=110]]');
  return headers['x-request-id']!;
}

async function takePictures(failover: string, hedged: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: theme });
    const { page } = await openPage(context);
    page.setDefaultTimeout(60_000);
    await signIn(page, broker.url);
    const take = async (name: string, path: string, ready: () => Promise<unknown>, act?: () => Promise<unknown>) => {
      await page.goto(`${broker.url}/console${path}`);
      await ready();
      await act?.();
      await page.screenshot({ path: `${IMAGES}console-${name}${theme === 'dark' ? '-dark' : ''}.png` });
    };
    const text = (words: string) => () => page.getByText(words).first().waitFor();
    await take('now', '', text('p95'), async () => {
      await page.getByRole('tab', { name: '10 minutes' }).click();
      await page.waitForTimeout(2_500);
    });
    await take('waterfall', `/requests/${failover}`, text('Timeline'));
    await take('hedge', `/requests/${hedged}`, text('Timeline'), () => openHedge(page));
    await take('requests', '/requests', text('gpt-4o'));
    await take('alerts', '/alerts', text('reached'));
    await take('providers', '/providers', text('healthy'));
    await take('money', '/money', text('Spend by day'), () => page.waitForTimeout(500));
    await take('accounts', '/accounts', text('Assistant'), () => openKeys(page));
    await take('playground', '/playground', text('Say hello.'), () => askHere(page));
    for (const name of (process.env.MORE ?? '').split(',').filter((one) => one !== ''))
      await take(name, `/${name}`, () => page.waitForTimeout(700));
    await context.close();
  }
}

async function lookAtAll(directory: string, requests: readonly string[]): Promise<void> {
  mkdirSync(directory, { recursive: true });
  for (const width of [320, 1280, 3840]) {
    const context = await browser.newContext({ viewport: { width, height: width === 3840 ? 2160 : 800 } });
    const { page } = await openPage(context);
    page.setDefaultTimeout(60_000);
    await signIn(page, broker.url);
    for (const path of [...PAGES, ...requests.map((id) => `requests/${id}`)]) {
      await page.goto(`${broker.url}/console/${path}`);
      await page.locator('main .page').waitFor();
      await page.waitForTimeout(1_000);
      const name = path.startsWith('requests/') ? `request-${requests.indexOf(path.slice(9))}` : path || 'now';
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.waitForTimeout(100);
        await page.screenshot({ path: `${directory}/${name}-${width}-${colorScheme}.png`, fullPage: width < 3840 });
      }
    }
    await context.close();
  }
}

async function openHedge(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Hedge/ }).click();
  await page.getByText('tokens per second').waitFor();
}

async function openKeys(page: Page): Promise<void> {
  await page.getByRole('button', { name: '1 key' }).click();
  await page.getByText('assistant-web').waitFor();
}

async function askHere(page: Page): Promise<void> {
  await page.getByLabel('Model').fill('gpt-4o');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText('cost').first().waitFor();
}
