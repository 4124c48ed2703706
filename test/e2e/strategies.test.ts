// Strategies of models and requests, with real processes: the fast provider gets the streams, the cheap one the request that
// asks for it, and a provider that is too expensive is not called.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';

const SLOW_MS = 400;
const DEAR = { input: 30, output: 90 };

let providers: Providers;
let broker: TestBroker;

beforeAll(async () => {
  providers = await startProviders({ tokens: 4 });
  providers.primary.change({ firstTokenMs: SLOW_MS });
  broker = await startBroker({
    together: true,
    configuration: {
      providers: {
        primary: provider(providers.primary),
        secondary: provider(providers.secondary),
        claude: {
          ...provider(providers.primary, { protocols: ['anthropic-messages'] }),
          base_url: providers.primary.url,
        },
      },
      models: {
        quick: {
          strategy: 'lowest_latency',
          deployments: [deployment('primary', 'quick', { weight: 3 }), deployment('secondary', 'quick')],
        },
        priced: {
          deployments: [
            deployment('primary', 'priced'),
            deployment('secondary', 'priced', { tier: 2, price: { input: 1, output: 1 } }),
          ],
        },
        // One provider is translated for and does not get `seed`, the other gets the request unchanged.
        whole: { deployments: [deployment('claude', 'whole'), deployment('secondary', 'whole', { tier: 2 })] },
        lossy: { deployments: [deployment('claude', 'lossy')] },
        shared: {
          prompt_cache: { by: 'prefix', wait_ms: 5_000 },
          deployments: [deployment('primary', 'shared'), deployment('secondary', 'shared')],
        },
        dear: { deployments: [deployment('primary', 'dear', { price: DEAR })] },
      },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await providers?.close();
});

const askedOf = async (model: string, more: object = {}) => {
  const { headers, status } = await ask(broker.url, { model, prompt: 'x', stream: true, more });
  expect(status).toBe(200);
  return headers['x-sluice-provider'];
};

test('streams are sent to the provider that starts sooner, as soon as that is known', async () => {
  await expect
    .poll(async () => (await Promise.all(Array.from({ length: 4 }, () => askedOf('quick')))).join(), {
      timeout: 30_000,
      interval: 300,
    })
    .toBe('secondary,secondary,secondary,secondary');
});

test.each([
  ['a word of OpenRouter', { sort: 'price' }],
  ['an object', { sort: { by: 'price', partition: 'none' } }],
  ['the strategy’s own name', { sort: 'lowest_price' }],
  ['a price that the other exceeds', { max_price: { prompt: 1.5 } }],
])('a request finds the cheap provider by %s', async (_name, wish) => {
  expect(await askedOf('priced')).toBe('primary');
  expect(await askedOf('priced', { provider: wish })).toBe('secondary');
});

test('an impossible condition gets an error in the caller’s protocol', async () => {
  const tooDear = await ask(broker.url, {
    model: 'dear',
    prompt: 'x',
    more: { provider: { max_price: { prompt: 5 } } },
  });
  expect(tooDear).toMatchObject({ status: 400, text: expect.stringContaining('provider') });
  const unknown = await ask(broker.url, { model: 'dear', prompt: 'x', more: { provider: { sort: 'colour' } } });
  expect(unknown.status).toBe(400);
  expect(JSON.parse(unknown.text).error).toMatchObject({
    param: 'provider.sort',
    message: expect.stringContaining('price'),
  });
  const anthropic = await ask(broker.url, {
    path: '/v1/messages',
    body: {
      model: 'dear',
      max_tokens: 5,
      messages: [{ role: 'user', content: 'x' }],
      provider: { sort: 'colour' },
    },
  });
  expect(anthropic.status).toBe(400);
  expect(JSON.parse(anthropic.text).error.message).toMatch(/^provider\.sort/);
});

test('a request that requires all of its parameters is not sent to a provider that does not support them', async () => {
  const seed = { seed: 7, provider: { require_parameters: true } };
  expect(await askedOf('whole', { seed: 7 })).toBe('claude');
  expect(await askedOf('whole', { provider: { require_parameters: true } })).toBe('claude');
  expect(await askedOf('whole', seed)).toBe('secondary');
  const refused = await ask(broker.url, { model: 'lossy', prompt: 'x', more: seed });
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.text).error).toMatchObject({ param: 'seed', code: 'unsupported_parameter' });
});

test('prompts with the same beginning use one cache, and wait until the first of them has written it', async () => {
  providers.secondary.change({ firstTokenMs: SLOW_MS });
  const system = 'You answer with great care. '.repeat(300);
  const messages = (user: string) => [
    { role: 'system', content: system },
    { role: 'user', content: user },
  ];
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, n) =>
      ask(broker.url, { body: { model: 'shared', stream: true, messages: messages(`question ${n}`) } }),
    ),
  );
  providers.secondary.change({ firstTokenMs: 0 });
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(new Set(answers.map(({ headers }) => headers['x-sluice-provider'])).size).toBe(1);
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('ledger_entries').selectAll().where('model', '=', 'shared').execute();
  const [leader, ...followers] = rows.sort((a, b) => Number(a.started_at) - Number(b.started_at));
  const begunAtMs = Number(leader!.started_at) + Number(leader!.first_byte_ms);
  for (const follower of followers) expect(Number(follower.started_at)).toBeGreaterThanOrEqual(begunAtMs - 2);
  expect(followers).toHaveLength(5);
});
