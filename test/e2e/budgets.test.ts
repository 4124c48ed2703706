// A key's budget: every answer is charged to it, reservations do not stay, and what is not allowed is not served.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
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
  const [name] = await broker.redis.client.keys(`*:budget:${id}`);
  return broker.redis.client.hgetall(name!);
}

test.each([false, true])('what was answered is charged, and nothing stays reserved (streamed: %s)', async (stream) => {
  const { id, key } = await createKey({ budget_usd: 5 });
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push(await ask(broker.url, { key, stream, prompt: `paid ${n}` }));
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('requests').selectAll().where('key_id', '=', id).execute();
  const charged = rows.reduce((sum, row) => sum + Number(row.charge_units), 0);
  expect(charged).toBeGreaterThan(0);
  const budget = await budgetOf(id);
  expect(Number(budget.spent)).toBe(charged);
  expect(Number(budget.held ?? 0)).toBe(0);
});

test('a model that the key may not use is not served as an alternative either', async () => {
  const { key } = await createKey({ models: ['solo'] });
  const body = { model: 'solo', models: ['pair'], messages: [{ role: 'user', content: 'x' }] };
  const answer = await ask(broker.url, { key, body });
  expect(answer.status).toBe(403);
});
