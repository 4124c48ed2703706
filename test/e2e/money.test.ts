// The ledger: 400 mixed requests (1,000 in `npm run test:long`) with providers that fail in every way, then a comparison of the
// ledger with the providers' bills, attempt by attempt, to the picodollar.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BillEntry } from '#simulator/engine/records/bill.ts';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { asBigint, asNumber } from '#src/storage/database.ts';
import { ADMIN_KEY, startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { volume } from '#test/support/runs.ts';
import { startSluice } from '#test/support/sluice-command.ts';

const REQUESTS = volume(400, 1_000);
const CONCURRENCY = 64;
const FAULTS = [
  '429:5 chance=0.05',
  '500 chance=0.05',
  '503 chance=0.03',
  'reset chance=0.03',
  'cut@4 chance=0.05',
  'end_early@2 chance=0.03',
  'malformed@3 chance=0.03',
  'error_event@3 chance=0.03',
  'missing_done chance=0.05',
  'no_usage chance=0.05',
  'empty chance=0.02',
  'garbage chance=0.02',
  'crlf,dribble:9 chance=0.05',
];

let first: Simulator;
let second: Simulator;
let broker: TestBroker;
const agent = new Agent({ connections: CONCURRENCY });

beforeAll(async () => {
  first = await startSimulator({
    tokens: 8,
    faults: FAULTS,
    keptRequests: 0,
    price: { input: 2.5, cachedInput: 1.25, output: 10 },
    adminKey: 'admin-of-the-organization',
  });
  // The same seed and model: if a provider sends something invalid, only its own bill knows how much it had sent when Sluice
  // disconnected.
  second = await startSimulator({
    tokens: 8,
    faults: FAULTS,
    keptRequests: 0,
    price: { input: 0.15, output: 0.6 },
  });
  const provider = (url: string) => ({
    protocols: ['openai-chat' as const],
    base_url: `${url}/v1`,
    retries: { max: 1, base_ms: 5, max_ms: 20 },
    circuit: { failures: 100_000 },
    usage_api: { admin_key: 'admin-of-the-organization' },
  });
  broker = await startBroker({
    workers: 2,
    configuration: {
      providers: { first: provider(first.url), second: provider(second.url) },
      models: {
        m: {
          deployments: [
            { provider: 'first', model: 'a', price: { input: 2.5, cached_input: 1.25, output: 10 } },
            { provider: 'second', model: 'a', tier: 2, price: { input: 0.15, output: 0.6 } },
          ],
        },
      },
    },
  });
});
afterAll(async () => {
  await agent.close();
  await broker.stop();
  await Promise.all([first.close(), second.close()]);
});

/** Status, and whether the answer looks complete to a client. */
async function send(index: number): Promise<{ status: number; isWhole: boolean }> {
  const isStream = index % 2 === 0;
  const { statusCode, body } = await request(`${broker.url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({
      model: 'm',
      stream: isStream,
      ...(index % 4 === 0 ? { stream_options: { include_usage: true } } : {}),
      messages: [{ role: 'user', content: `Request number ${index}. ${'x'.repeat(index % 50)}` }],
    }),
  });
  const text = await body.text();
  return { status: statusCode, isWhole: isStream ? text.trimEnd().endsWith('data: [DONE]') : statusCode === 200 };
}

async function sendAll(): Promise<{ status: number; isWhole: boolean }[]> {
  const results: { status: number; isWhole: boolean }[] = [];
  let next = 0;
  const lane = async () => {
    while (next < REQUESTS) results.push(await send(next++));
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, lane));
  return results;
}

test('the ledger equals the bills to the picodollar, one entry per attempt, one outcome per request', {
  timeout: 120_000,
}, async () => {
  const results = await sendAll();
  await booksClosed(broker);

  const rows = await broker.database.selectFrom('ledger_entries').selectAll().execute();
  const calls = first.stats().calls + second.stats().calls;
  expect(calls).toBeGreaterThan(REQUESTS * 1.15);
  expect(rows.length).toBe(calls);

  const billed = new Map<string, BillEntry>(
    [...first.bill.entries(), ...second.bill.entries()].map((entry) => [entry.clientRequestId!, entry]),
  );
  const differences = rows.filter((row) => {
    const entry = billed.get(`${row.request_id}.${asNumber(row.attempt)}`);
    return asBigint(row.cost_pico_usd) !== (entry?.costPicoUsd ?? 0n);
  });
  expect(differences).toEqual([]);
  const sum = rows.reduce((total, row) => total + asBigint(row.cost_pico_usd), 0n);
  expect(sum).toBe(first.bill.totals().costPicoUsd + second.bill.totals().costPicoUsd);
  expect(rows.every((row) => row.state !== 'unsettled')).toBe(true);

  const outcomes = await broker.database.selectFrom('requests').selectAll().execute();
  expect(outcomes.length).toBe(REQUESTS);
  expect(outcomes.filter((row) => row.outcome === 'ok').length).toBe(results.filter((result) => result.isWhole).length);
  const requestSum = outcomes.reduce((total, row) => total + asBigint(row.cost_pico_usd), 0n);
  expect(requestSum).toBe(sum);
});

const today = () => new Date().toISOString().slice(0, 10);
const yesterday = () => new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
const span = () => ['--from', yesterday(), '--to', today(), '--tolerance', '0', '--tolerance-usd', '0.000001'];

async function reconcile(provider: string, ...more: string[]) {
  const args = ['reconcile', provider, '--json', ...span(), ...more];
  const { code, stdout, stderr } = await startSluice(args, broker.directory, {}).ended;
  return { code, stderr, answer: stdout === '' ? null : JSON.parse(stdout) };
}

test('the provider’s usage and cost APIs agree, until a ledger entry is lost: then it is named', {
  timeout: 60_000,
}, async () => {
  const [agreeing, second, unknown] = await Promise.all([
    reconcile('first'),
    reconcile('second', '--by', 'day,model,api_key'),
    reconcile('third'),
  ]);
  expect(agreeing).toMatchObject({
    code: 0,
    answer: { equal: true, rows: [{ model: 'a', differences: [] }], notes: [] },
  });
  expect(second).toMatchObject({ code: 0, answer: { equal: true } });
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("no provider 'third'") });

  const lost = await broker.database
    .selectFrom('ledger_entries')
    .select(['request_id', 'attempt', 'output_tokens', 'cost_pico_usd'])
    .where('provider', '=', 'first')
    .where('outcome', '=', 'ok')
    .executeTakeFirstOrThrow();
  await broker.database
    .updateTable('ledger_entries')
    .set({
      output_tokens: asNumber(lost.output_tokens) + 1_000,
      cost_pico_usd: asBigint(lost.cost_pico_usd).toString(),
    })
    .where('request_id', '=', lost.request_id)
    .where('attempt', '=', lost.attempt)
    .execute();
  first.faults.clear();
  first.change({ price: { input: 2.5, cachedInput: 1.25, output: 20 } });
  await send(0);
  await booksClosed(broker);
  const path = `/admin/providers/first/reconciliation?from=${yesterday()}&to=${today()}&tolerance_percent=0&tolerance_usd=0.000001`;
  const { body } = await request(broker.url + path, { headers: { authorization: `Bearer ${ADMIN_KEY}` } });
  expect(await body.json()).toMatchObject({
    equal: false,
    rows: [{ model: 'a', differences: ['output_tokens', 'cost_usd'] }],
    total: { differences: ['output_tokens', 'cost_usd'] },
  });
  expect(await reconcile('first')).toMatchObject({ code: 1, answer: { equal: false } });
});
