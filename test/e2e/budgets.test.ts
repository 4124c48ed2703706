// A key's budget: every answer is charged to it, reservations do not stay, and what is not allowed is not served.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors) });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const CHEAP = { model: 'solo', max_tokens: 2, messages: [{ role: 'user', content: 'x' }] };

async function createKey(settings: object): Promise<{ id: string; key: string }> {
  const answer = await fetch(`${broker.url}/admin/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'test', ...settings }),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as { id: string; key: string };
}

async function budgetOf(id: string): Promise<Record<string, string>> {
  const [name] = await broker.redis.client.keys(`*:budget:${id}:total`);
  return broker.redis.client.hgetall(name!);
}

test.each([false, true])('what was answered is charged, and nothing stays reserved (streamed: %s)', async (stream) => {
  const { id, key } = await createKey({ budget_usd: 5 });
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push(await ask(broker.url, { key, stream, prompt: `paid ${n}` }));
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('requests').selectAll().where('key_id', '=', id).execute();
  const cost = rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n);
  expect(cost).toBeGreaterThan(0n);
  expect(await budgetOf(id)).toEqual({ spent: cost.toString(), held: '0' });
});

test('requests that cost less than 1/10,000 USD are counted with what they cost', async () => {
  const { id, key } = await createKey({ budgets: { total: 1, day: 0.0015 } });
  const answers: Answer[] = [];
  for (let n = 0; n < 30; n++) answers.push(await ask(broker.url, { key, prompt: `cheap ${n}`, body: CHEAP }));
  const { usage, cost } = JSON.parse(answers[0]!.text) as { usage: { cost: number }; cost: number };
  expect(usage.cost).toBeLessThan(0.0001);
  expect(cost, 'what credits are charged').toBe(0.0001);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('requests').selectAll().where('key_id', '=', id).execute();
  const spent = rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n);
  expect(await budgetOf(id)).toEqual({ spent: spent.toString(), held: '0' });
});

test('the tightest of several budgets refuses, says so, and leaves nothing reserved in the others', async () => {
  const { id, key } = await createKey({ budgets: { total: 5, week: 0.000001 } });
  const answer = await ask(broker.url, { key, prompt: 'Too dear for this week.' });
  expect(answer.status).toBe(402);
  expect(JSON.parse(answer.text).error.message).toMatch(/0\.000001 USD are left for this week/);
  expect(await budgetOf(id)).toEqual({ spent: '0', held: '0' });
});

test('budgets are set, changed and taken away each for itself', async () => {
  const { id } = await createKey({ budget_usd: 2.5, budget_period: 'month' });
  const patch = async (change: object) => {
    const answer = await fetch(`${broker.url}/admin/keys/${id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(change),
    });
    return ((await answer.json()) as { budgets: object }).budgets;
  };
  expect(await patch({ budgets: { day: 0.0000001 } })).toEqual({ month: 2.5, day: 1e-7 });
  expect(await patch({ budgets: { month: null } })).toEqual({ day: 1e-7 });
  expect(await patch({ budget_period: 'week' })).toEqual({ week: 1e-7 });
  expect(await patch({ budget_usd: null })).toEqual({});
});

test('a model that the key may not use is not served as an alternative either', async () => {
  const { key } = await createKey({ models: ['solo'] });
  const body = { model: 'solo', models: ['pair'], messages: [{ role: 'user', content: 'x' }] };
  const answer = await ask(broker.url, { key, body });
  expect(answer.status).toBe(403);
});
