// Accounts: budgets count every response and hold under load, and reservations are released; organisations, projects and keys,
// credits, rotation, and the roles that may change all this.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatUsd, parseUsd } from '#src/contracts/money.ts';
import { admin } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { deployment, PRICE, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors);
  const price = { ...PRICE, long_context: [{ above_input_tokens: 100, input: 5, cached_input: 2.5, output: 20 }] };
  configuration.models!.tiered = { deployments: [deployment('primary', 'tiered', { price })] };
  broker = await startBroker({ together: true, configuration });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const DEAR = { model: 'solo', max_tokens: 12, messages: [{ role: 'user', content: 'x' }] };
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

test.each([false, true])(
  'the cost of an answer is charged, and nothing stays reserved (streamed: %s)',
  async (stream) => {
    const { id, key } = await createKey({ budget_usd: 5 });
    const answers = [];
    for (let n = 0; n < 3; n++) answers.push(await ask(broker.url, { key, stream, prompt: `paid ${n}` }));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    await booksClosed(broker);
    const rows = await broker.database.selectFrom('requests').selectAll().where('key_id', '=', id).execute();
    const cost = rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n);
    expect(cost).toBeGreaterThan(0n);
    expect(await budgetOf(id)).toEqual({ spent: cost.toString(), held: '0' });
  },
);

test('requests below 1/10,000 USD count with their exact cost', async () => {
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

describe('prices by length of the prompt', () => {
  const asked = (key: string, prompt: string) =>
    ask(broker.url, { key, model: 'tiered', prompt, more: { max_tokens: 12 } });
  const LONG = 'long '.repeat(160);

  test('a long prompt reserves its own cost, not that of a short one', async () => {
    // 200 and more tokens of prompt and 12 of answer: 0.0012 USD, or 0.0006 at the price of short prompts.
    const { id, key } = await createKey({ budgets: { total: 0.0009 } });
    expect(await asked(key, LONG)).toMatchObject({ status: 402 });
    expect(await asked(key, 'short')).toMatchObject({ status: 200 });
    await booksClosed(broker);
    expect((await budgetOf(id)).held).toBe('0');
  });

  test.each([
    ['short', 'short', 2_500_000n, 10_000_000n],
    ['long', LONG, 5_000_000n, 20_000_000n],
  ])('a %s prompt is settled at its price', async (_name, prompt, input, output) => {
    const { id, key } = await createKey({ budgets: { total: 1 } });
    const { text } = await asked(key, prompt);
    const { usage } = JSON.parse(text) as { usage: { prompt_tokens: number; completion_tokens: number; cost: number } };
    const cost = BigInt(usage.prompt_tokens) * input + BigInt(usage.completion_tokens) * output;
    expect(BigInt(Math.round(usage.cost * 1e12))).toBe(cost);
    await booksClosed(broker);
    expect(await budgetOf(id)).toEqual({ spent: cost.toString(), held: '0' });
  });
});

test('the tightest of several budgets refuses and is named, and the others reserve nothing', async () => {
  const { id, key } = await createKey({ budgets: { total: 5, week: 0.000001 } });
  const answer = await ask(broker.url, { key, prompt: 'Too dear for this week.' });
  expect(answer.status).toBe(402);
  expect(JSON.parse(answer.text).error.message).toMatch(/0\.000001 USD are left for this week/);
  expect(await budgetOf(id)).toEqual({ spent: '0', held: '0' });
});

test('budgets can be set, changed and removed separately', async () => {
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

test('a key, a project and an organisation can be renamed; the key of the environment cannot', async () => {
  const { id } = await createKey({});
  const account = await call<WithId>('POST', '/accounts', { kind: 'project', name: 'before', models: ['solo'] }, 201);
  for (const path of [`/keys/${id}`, `/accounts/${account.id}`]) {
    expect(await call('PATCH', path, { name: 'after' })).toMatchObject({ name: 'after' });
    expect(await call('GET', path)).toMatchObject({ name: 'after' });
  }
  expect(await call('GET', `/accounts/${account.id}`), 'the rest stays').toMatchObject({ models: ['solo'] });
  await call('PATCH', `/keys/${id}`, { name: 'SLUICE_API_KEY' }, 400);
});

test('a model that the key may not use is not served as an alternative either', async () => {
  const { key } = await createKey({ models: ['solo'] });
  const body = { model: 'solo', models: ['pair'], messages: [{ role: 'user', content: 'x' }] };
  const answer = await ask(broker.url, { key, body });
  expect(answer.status).toBe(403);
});

test('200 parallel requests with a budget for 30 use the budget but do not exceed it', async () => {
  const one = JSON.parse((await ask(broker.url, { body: CHEAP })).text) as { usage: { cost: number } };
  const limit = parseUsd((one.usage.cost * 30).toFixed(12));
  const { id, key } = await createKey({ budget_usd: Number(formatUsd(limit)) });
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(broker.url, { key, body: CHEAP })));
  const statuses = answers.map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 402]));
  await booksClosed(broker);
  const { spent, held } = await budgetOf(id);
  expect(held).toBe('0');
  expect(BigInt(spent!)).toBe(await sumOf('key_id', id));
  // The estimate is never below the cost here: nothing exceeds the budget.
  expect(BigInt(spent!)).toBeLessThanOrEqual(limit);
  // Reserved amounts beyond the cost become free again: later requests are served until the budget is used up.
  let last: number | null = 200;
  for (let more = 0; more < 40 && last === 200; more++) last = (await ask(broker.url, { key, body: CHEAP })).status;
  expect(last).toBe(402);
  await booksClosed(broker);
  const total = BigInt((await budgetOf(id)).spent!);
  expect(total).toBeLessThanOrEqual(limit);
  expect(total).toBeGreaterThan((limit * 8n) / 10n);
});

async function sumOf(column: 'key_id' | 'project_id' | 'organisation_id', id: string): Promise<bigint> {
  const rows = await broker.database.selectFrom('requests').selectAll().where(column, '=', id).execute();
  return rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n);
}

async function call<T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: object,
  status = 200,
): Promise<T> {
  const answer = await admin<T>(broker, method, path, body);
  expect(answer.status, `${method} ${path}: ${JSON.stringify(answer.json)}`).toBe(status);
  return answer.json;
}

type WithId = { id: string };

describe('organisations and projects', () => {
  let organisation: string;
  let project: string;
  let keys: { id: string; key: string }[];
  beforeAll(async () => {
    organisation = (
      await call<WithId>('POST', '/accounts', { kind: 'organisation', name: 'o', budgets: { month: 1 } }, 201)
    ).id;
    const form = { kind: 'project', name: 'p', organisation, models: ['solo', 'pair'] };
    project = (await call<WithId>('POST', '/accounts', form, 201)).id;
    keys = [];
    for (const name of ['one', 'two']) {
      keys.push(await call('POST', '/keys', { name, project, ...(name === 'two' ? { models: ['pair'] } : {}) }, 201));
    }
  });

  test('a budget counts what all keys below it spend', async () => {
    for (const { key } of keys) expect((await ask(broker.url, { key, model: 'pair', prompt: 'x' })).status).toBe(200);
    await booksClosed(broker);
    const spent = await sumOf('organisation_id', organisation);
    expect(spent).toBeGreaterThan(0n);
    expect(await sumOf('project_id', project)).toBe(spent);
    const shown = await call<{ spent_usd: { month: string } }>('GET', `/accounts/${organisation}`);
    expect(parseUsd(shown.spent_usd.month)).toBe(spent);
    await call('PATCH', `/accounts/${organisation}`, { budgets: { month: 0.000001 } });
    await waitFor(
      'the budget to hold',
      async () => (await ask(broker.url, { key: keys[0]!.key, prompt: 'x' })).status === 402,
    );
    const { text } = await ask(broker.url, { key: keys[0]!.key, prompt: 'x' });
    expect(JSON.parse(text).error.message).toContain(`The budget of the organisation ${organisation} is exhausted`);
    await call('PATCH', `/accounts/${organisation}`, { budgets: { month: null } });
  });

  test('every level must allow a model', async () => {
    await waitFor(
      'the budget to be gone',
      async () => (await ask(broker.url, { key: keys[0]!.key, prompt: 'x' })).status === 200,
    );
    const own = await ask(broker.url, { key: keys[1]!.key, model: 'solo', prompt: 'x' });
    expect(own.status).toBe(403);
    expect(own.text).toContain('This key may not use');
    await call('PATCH', `/accounts/${project}`, { models: ['pair'] });
    await waitFor(
      'the project to hold',
      async () => (await ask(broker.url, { key: keys[0]!.key, model: 'solo', prompt: 'x' })).status === 403,
    );
    const { text } = await ask(broker.url, { key: keys[0]!.key, model: 'solo', prompt: 'x' });
    expect(text, 'whose rule it is').toContain(`The project ${project} of this key may not use`);
  });

  test('a limit of a project is shared by all its keys', async () => {
    await call('PATCH', `/accounts/${project}`, { limits: { rpm: 1 } });
    const short = { 'x-sluice-deadline-ms': '1500' };
    await waitFor('the limit to hold', async () => {
      const answers = await Promise.all(
        keys.map(({ key }) => ask(broker.url, { key, model: 'pair', prompt: 'x', headers: short })),
      );
      return answers.some(({ status }) => status === 429 || status === 504);
    });
    await call('PATCH', `/accounts/${project}`, { limits: {} });
  });

  test('an expiry disables its keys, a revocation everything below it, within a second', async () => {
    const works = async () => (await ask(broker.url, { key: keys[0]!.key, model: 'pair', prompt: 'x' })).status === 200;
    const isOver = async () =>
      (await ask(broker.url, { key: keys[0]!.key, model: 'pair', prompt: 'x' })).status === 401;
    const inItsPlace = async () => (await admin(broker, 'GET', `/as/${keys[0]!.id}/v1/models`)).status;
    await waitFor('the limit to be gone', works);
    await call('PATCH', `/accounts/${project}`, { expires_at: new Date(Date.now() - 1).toISOString() });
    await waitFor('the keys to have expired', isOver, 1_000);
    expect(await inItsPlace(), 'operators neither').toBe(404);
    await call('PATCH', `/accounts/${project}`, { expires_at: null });
    await waitFor('the keys to be back', works, 1_000);
    expect(await inItsPlace()).toBe(200);
    await call('DELETE', `/accounts/${organisation}`);
    await waitFor('the keys to be revoked', isOver, 1_000);
    expect(await inItsPlace()).toBe(404);
  });
});

test('tags and an agent’s session of requests appear in reports', async () => {
  const headers = { 'x-sluice-tags': 'team:search, nightly', 'session-id': 'session-1' };
  expect((await ask(broker.url, { body: CHEAP, headers })).status).toBe(200);
  expect(
    (await ask(broker.url, { body: CHEAP, headers: { 'x-sluice-tags': 'no commas; no semicolons' } })).status,
  ).toBe(400);
  await booksClosed(broker);
  type Report = { data: { session: string; status: string; requests: number }[] };
  const { data } = await call<Report>('GET', '/usage?per=request&group_by=session,status&tags=nightly');
  expect(data).toMatchObject([{ session: 'session-1', status: 'ok', requests: 1 }]);
  await call('GET', '/usage?hour=yesterday', undefined, 400);
});

test('a rotated key has two secrets for some time, then one', async () => {
  const { id, key } = await createKey({});
  const { key: second } = await call<{ key: string }>('POST', `/keys/${id}/rotate`, { keep_former_seconds: 3_600 });
  const formerUntil = async () => (await call<Record<string, string>>('GET', `/keys/${id}`)).former_secret_until;
  const leftMs = Date.parse((await formerUntil())!) - Date.now();
  expect(leftMs > 3_000_000 && leftMs <= 3_600_000, 'operators see until when').toBe(true);
  const status = async (secret: string) => (await ask(broker.url, { key: secret, prompt: 'x' })).status;
  expect([await status(key), await status(second)]).toEqual([200, 200]);
  const { key: third } = await call<{ key: string }>('POST', `/keys/${id}/rotate`, { keep_former_seconds: 0 });
  await waitFor('the secrets before to be over', async () => (await status(second)) === 401, 1_000);
  expect([await status(key), await status(third)]).toEqual([401, 200]);
  expect(await formerUntil()).toBeNull();
});

test('credits: charged with markup and rounded up, refused when spent, topped up, shown', async () => {
  const { id, key } = await createKey({ credits: { markup_percent: 50 } });
  expect((await ask(broker.url, { key, body: CHEAP })).status, 'nothing was paid in').toBe(402);
  await call('POST', `/accounts/${id}/credits`, { amount_usd: 0.0011, note: 'first' }, 201);
  const answer = await waitFor('the balance', async () => {
    const { status, text } = await ask(broker.url, { key, body: DEAR });
    return status === 200 ? (JSON.parse(text) as { usage: { cost: number }; cost: number }) : null;
  });
  expect(answer.usage.cost).toBeGreaterThan(0.0001);
  expect(answer.cost).toBe(Math.ceil(answer.usage.cost * 1.5 * 10_000) / 10_000);
  let status: number | null = 200;
  for (let n = 0; n < 20 && status === 200; n++) status = (await ask(broker.url, { key, body: DEAR })).status;
  expect(status).toBe(402);
  await booksClosed(broker);
  const rows = await broker.database.selectFrom('requests').selectAll().where('credit_account', '=', id).execute();
  const charged = rows.reduce((sum, row) => sum + Number(row.charge_units), 0);
  const [name] = await broker.redis.client.keys(`*:budget:${id}:credits`);
  expect(await broker.redis.client.hgetall(name!)).toEqual({ spent: `${charged}00000000`, held: '0' });
  const statement = await call<Record<string, unknown>>('GET', `/accounts/${id}/statement`);
  expect(statement).toMatchObject({
    balance_usd: formatUsd(parseUsd('0.0011') - BigInt(charged) * 100_000_000n),
    credits: [{ amount_usd: '0.0011', note: 'first', actor: 'SLUICE_ADMIN_KEY' }],
    charges: [{ requests: rows.length }],
  });
  await call('POST', `/accounts/${id}/credits`, { amount_usd: 1 }, 201);
  await waitFor('the top-up', async () => (await ask(broker.url, { key, body: DEAR })).status === 200, 1_000);
});

test('roles: a viewer changes nothing, an operator cannot grant roles; everything is logged', async () => {
  const secretOf = async (role: string) =>
    (await call<{ key: string }>('POST', '/admin-keys', { name: role, role }, 201)).key;
  const [reader, operator] = [await secretOf('read-only'), await secretOf('operator')];
  const as = async (secret: string, method: string, path: string, body?: object) =>
    (
      await fetch(`${broker.url}/admin${path}`, {
        method,
        headers: { authorization: `Bearer ${secret}`, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      })
    ).status;
  const { id } = await createKey({ batch_weight: 2 });
  expect(await as(reader, 'GET', '/keys')).toBe(200);
  expect(await as(reader, 'PATCH', `/keys/${id}`, { batch_weight: 3 })).toBe(403);
  expect(await as(operator, 'PATCH', `/keys/${id}`, { batch_weight: 3 })).toBe(200);
  expect(await as(operator, 'POST', '/admin-keys', { name: 'x', role: 'owner' })).toBe(403);
  expect(await as('sk-admin-nobody', 'GET', '/keys')).toBe(401);
  type Audit = {
    data: { actor: string; path: string; status: number; before: object; after: object; request: object }[];
  };
  const { data } = await call<Audit>('GET', `/audit?path=/admin/keys/${id}`);
  expect(data).toMatchObject([
    {
      actor: expect.stringMatching(/^operator \(admin_/),
      status: 200,
      before: { batch_weight: 2 },
      request: { batch_weight: 3 },
      after: { batch_weight: 3 },
    },
    {
      actor: expect.stringMatching(/^read-only /),
      status: 403,
      after: { error: { message: expect.stringContaining('read-only') } },
    },
  ]);
  const { data: all } = await call<Audit>('GET', '/audit?limit=500');
  expect(JSON.stringify(all)).not.toContain(reader);
  const [first] = (await call<{ data: WithId[] }>('GET', '/admin-keys')).data;
  await call('DELETE', `/admin-keys/${first!.id}`);
  expect(await as(operator, 'GET', '/keys')).toBe(401);
});
