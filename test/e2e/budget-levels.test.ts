// 200 parallel requests on a budget for 30, at each level with a budget, through three combined processes: the budget is not
// exceeded, and no reservation remains.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatUsd, parseUsd } from '#src/contracts/money.ts';
import { adminCreate } from '#test/support/admin.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

const REQUESTS = 200;
const BODY = { model: 'solo', max_tokens: 400, messages: [{ role: 'user', content: 'Hi.' }] };

let vendors: Providers;
let broker: TestBroker;
beforeAll(async () => {
  vendors = await startProviders({ tokens: 400 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), combined: 3 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const make = (path: string, body: object) => adminCreate(broker, path, body);

/** Two keys, below a project, below an organisation; only one level has the settings. */
async function tree(
  level: 'key' | 'project' | 'organisation',
  settings: object,
): Promise<{ id: string; keys: string[] }> {
  const at = (name: string) => (name === level ? settings : {});
  const organisation = await make('/accounts', { kind: 'organisation', name: level, ...at('organisation') });
  const project = await make('/accounts', {
    kind: 'project',
    name: level,
    organisation: organisation.id,
    ...at('project'),
  });
  const keys = [await make('/keys', { name: level, project: project.id, ...at('key') })];
  if (level !== 'key') keys.push(await make('/keys', { name: level, project: project.id }));
  const id = { key: keys[0]!.id, project: project.id, organisation: organisation.id }[level];
  return { id, keys: keys.map(({ key }) => key) };
}

async function burst(keys: readonly string[]): Promise<(number | null)[]> {
  const answers = await Promise.all(
    Array.from({ length: REQUESTS }, (_, n) =>
      ask(String(broker.apis[n % broker.apis.length]!.details.url), { key: keys[n % keys.length]!, body: BODY }),
    ),
  );
  return answers.map(({ status }) => status);
}

async function sums(account: string): Promise<{ spent: bigint; held: string }> {
  const [name] = await broker.redis.client.keys(`*:budget:${account}*`);
  const { spent, held } = await broker.redis.client.hgetall(name!);
  return { spent: BigInt(spent!), held: held! };
}

async function costOfOne(): Promise<bigint> {
  const { text } = await ask(broker.url, { body: BODY });
  return parseUsd(String((JSON.parse(text) as { usage: { cost: number } }).usage.cost));
}

test.each(['key', 'project', 'organisation'] as const)('the budget of: %s', async (level) => {
  const limit = (await costOfOne()) * 30n;
  const { id, keys } = await tree(level, { budgets: { month: Number(formatUsd(limit)) } });
  expect(new Set(await burst(keys))).toEqual(new Set([200, 402]));
  await booksClosed(broker);
  const column = `${level}_id` as 'key_id' | 'project_id' | 'organisation_id';
  const rows = await broker.database.selectFrom('requests').selectAll().where(column, '=', id).execute();
  const { spent, held } = await sums(`${id}:month`);
  expect(held).toBe('0');
  expect(spent).toBe(rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n));
  expect(spent).toBeGreaterThan(0n);
  expect(spent).toBeLessThanOrEqual(limit);
});

test.each(['key', 'project', 'organisation'] as const)('the prepaid balance of: %s', async (level) => {
  const { id, keys } = await tree(level, { credits: { markup_percent: 10 } });
  const one = JSON.parse((await ask(broker.url, { body: BODY })).text) as { cost: number };
  const paid = Number((one.cost * 1.1 * 30).toFixed(4));
  await make(`/accounts/${id}/credits`, { amount_usd: paid });
  expect(new Set(await burst(keys))).toEqual(new Set([200, 402]));
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('requests').selectAll().where('credit_account', '=', id).execute();
  const { spent, held } = await sums(`${id}:credits`);
  expect(held).toBe('0');
  expect(spent).toBe(rows.reduce((sum, row) => sum + BigInt(row.charge_units) * 100_000_000n, 0n));
  expect(spent).toBeLessThanOrEqual(parseUsd(String(paid)));
});
