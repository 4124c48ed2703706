// The bill as providers show it to an organization's administrators.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../src/engine/serving/arrival.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat } from './client.ts';

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ tokens: 20, price: { input: 2, cachedInput: 1, output: 8 }, adminKey: 'admin-1' });
});
afterEach(() => simulator.close());

const DAY_MS = 86_400_000;
const today = () => Math.floor(Date.now() / DAY_MS) * DAY_MS;

interface Result {
  amount: { value: number } & string;
  line_item?: string;
}
interface Body {
  data: { results: Result[] }[];
  next_page: string;
}

async function report(path: string, query: Record<string, string | string[]>, key = 'admin-1') {
  const search = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) for (const value of [values].flat()) search.append(name, value);
  const isAnthropic = path.startsWith('/v1/organizations');
  const headers: Record<string, string> = isAnthropic
    ? { 'x-api-key': key, 'anthropic-version': '2023-06-01' }
    : { authorization: `Bearer ${key}` };
  const response = await fetch(`${simulator.url}${path}?${search}`, { headers });
  return { status: response.status, body: (await response.json()) as Body };
}

const call = (key: string, content = 'Hello.') =>
  ask(simulator, { body: chat(content), headers: { authorization: `Bearer ${key}` } });
const message = (key: string) =>
  fetch(`${simulator.url}/v1/messages`, {
    method: 'POST',
    headers: { 'x-api-key': key, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'claude-sonnet-4', max_tokens: 50, messages: [{ role: 'user', content: 'Hello.' }] }),
  }).then((response) => response.json());

test('OpenAI: usage by model and key, and costs by line item, equal the bill', async () => {
  await call('sk-one', '[[sim cached=4]]');
  await call('sk-two');
  await message('sk-three');
  const start = String(today() / 1_000);
  const { body } = await report('/v1/organization/usage/completions', {
    start_time: start,
    group_by: ['model', 'api_key_id'],
  });
  const entries = simulator.bill.entries();
  expect(body.data).toHaveLength(1);
  expect(body.data[0]!.results).toMatchObject([
    {
      object: 'organization.usage.completions.result',
      input_tokens: entries[0]!.usage.inputTokens,
      input_cached_tokens: 4,
      output_tokens: 20,
      num_model_requests: 1,
      model: 'gpt-4o',
      api_key_id: `key_${digestOf('sk-one')}`,
    },
    { api_key_id: `key_${digestOf('sk-two')}` },
  ]);
  const costs = await report('/v1/organization/costs', { start_time: start, group_by: ['line_item'] });
  const sum = costs.body.data[0]!.results.reduce((all, { amount }) => all + amount.value, 0);
  expect(sum).toBeCloseTo(Number(entries[0]!.costPicoUsd + entries[1]!.costPicoUsd) / 1e12, 12);
  expect(costs.body.data[0]!.results.map(({ line_item: item }) => item)).toEqual([
    'gpt-4o, input',
    'gpt-4o, cached input',
    'gpt-4o, output',
  ]);
});

test('Anthropic: three kinds of input tokens, amounts in cents', async () => {
  await message('sk-three');
  await call('sk-one');
  const [entry] = simulator.bill.entries();
  const times = { starting_at: new Date(today()).toISOString() };
  const usage = await report('/v1/organizations/usage_report/messages', {
    ...times,
    'group_by[]': ['model', 'api_key_id'],
  });
  expect(usage.body.data[0]!.results).toMatchObject([
    {
      uncached_input_tokens: entry!.usage.inputTokens,
      cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: 0 },
      cache_read_input_tokens: 0,
      output_tokens: entry!.usage.outputTokens,
      model: 'claude-sonnet-4',
      api_key_id: `apikey_01${digestOf('sk-three')}`,
    },
  ]);
  const costs = await report('/v1/organizations/cost_report', { ...times, 'group_by[]': 'description' });
  const cents = costs.body.data[0]!.results.reduce((all, { amount }) => all + Number(amount), 0);
  expect(cents).toBeCloseTo(Number(entry!.costPicoUsd) / 1e10, 10);
});

test('pages: each begins where the previous one ended', async () => {
  await call('sk-one');
  const start = String((today() - 2 * DAY_MS) / 1_000);
  const first = await report('/v1/organization/usage/completions', { start_time: start, limit: '2' });
  expect(first.body).toMatchObject({ has_more: true, data: [{ results: [] }, { results: [] }] });
  const second = await report('/v1/organization/usage/completions', {
    start_time: start,
    limit: '2',
    page: first.body.next_page,
  });
  expect(second.body).toMatchObject({
    has_more: false,
    next_page: null,
    data: [{ results: [{ num_model_requests: 1 }] }],
  });
});

test('the organization’s key is required, and parameters are checked', async () => {
  const start = String(today() / 1_000);
  expect(await report('/v1/organization/costs', { start_time: start }, 'sk-one')).toMatchObject({ status: 401 });
  expect(await report('/v1/organizations/cost_report', { starting_at: '2026-11-01' }, 'sk-one')).toMatchObject({
    status: 401,
  });
  expect(await report('/v1/organization/costs', {})).toMatchObject({
    status: 400,
    body: { error: { param: 'start_time' } },
  });
  expect(await report('/v1/organization/costs', { start_time: start, group_by: 'mood' })).toMatchObject({
    status: 400,
  });
  expect(await report('/v1/organizations/cost_report', {})).toMatchObject({ status: 400 });
});
