// Ten times as many requests as a provider's concurrency allows, with a deadline: admitted requests are answered in time,
// refused ones immediately get a retry-after, and forecasts are correct. (A limit per minute: overload-rate.test.ts.)
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { endsOf, forecastErrors, type Offered, overload, shareWithin } from '#test/support/overload.ts';

const CONCURRENCY = 10;
const CALL_MS = 500;
/** What the provider answers. */
const PER_SECOND = (CONCURRENCY * 1_000) / CALL_MS;
const DEADLINE_MS = 8_000;
const OFFERED_MS = 6_000;

let simulator: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 2, firstTokenMs: CALL_MS, concurrency: CONCURRENCY, keptRequests: 0 });
  broker = await startBroker({
    apis: 2,
    workers: 2,
    configuration: {
      providers: { sim: { protocols: ['openai-chat'], base_url: `${simulator.url}/v1` } },
      models: {
        m: {
          deployments: [
            { provider: 'sim', model: 'm', price: { input: 1, output: 1 }, limits: { concurrency: CONCURRENCY } },
          ],
        },
      },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
});

test('admitted requests are answered in time; forecasts are right', { timeout: 60_000 }, async () => {
  const body = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
  const { admitted, refused, offered } = await overload(broker, {
    perSecond: PER_SECOND * 10,
    durationMs: OFFERED_MS,
    deadlineMs: DEADLINE_MS,
    body,
    sampleEvery: 4,
  });
  const ended = await endsOf(broker, admitted, 30_000);
  const late = ended.filter(
    ({ outcome, acceptedAtMs, finishedAtMs }) => outcome !== 'ok' || finishedAtMs - acceptedAtMs > DEADLINE_MS,
  );
  const errors = forecastErrors(admitted, ended);
  const within = shareWithin(errors, 0.2);
  console.info(
    `${offered.length} offered, ${admitted.length} admitted, ${late.length} late, ${errors.length} forecasts, ` +
      `${Math.round(within * 100)} % within 20 %, median error ${Math.round((errors[errors.length >> 1] ?? 0) * 100)} %`,
  );
  // A machine that is busy with other work answers less in the same time, and its speed varies from second to second:
  // forecasts are only as good as the rate they are based on is steady.
  const busyMs = Math.max(...ended.map((end) => end.finishedAtMs)) - Math.min(...ended.map((end) => end.acceptedAtMs));
  const slowness = Math.max(1, (PER_SECOND * busyMs) / 1_000 / ended.length);
  expect(late.length / ended.length).toBeLessThan(0.01 + 0.2 * (slowness - 1));
  // A deadline's worth of work, and what was answered meanwhile.
  expect(busyMs).toBeGreaterThan(0.6 * (DEADLINE_MS + OFFERED_MS));
  expect(admitted.length).toBeLessThan((PER_SECOND * (DEADLINE_MS + OFFERED_MS)) / 1_000);
  expect(refused.every(({ status, retryAfterMs }) => status === 503 && retryAfterMs !== null)).toBe(true);
  const waits = refused.map(({ retryAfterMs }) => retryAfterMs!);
  // No request is refused that could have been answered, and forecasts are correct.
  expect(Math.min(...waits)).toBeGreaterThan(DEADLINE_MS * 0.75);
  expect(Math.max(...waits)).toBeLessThan(DEADLINE_MS * 1.6 * slowness);
  expect(shareWithin(errors, 0.5 * slowness)).toBeGreaterThan(0.7);
  expect(simulator.stats().rateLimited).toBe(0);
});

test('one key’s burst delays no other key’s single request', { timeout: 60_000 }, async () => {
  const [heavy, light] = await Promise.all([broker.createKey('burst'), broker.createKey('single')]);
  const wanted = { model: 'm', prompt: 'Hello' };
  const accepted = await Promise.all(
    Array.from({ length: 80 }, () =>
      ask(broker.url, { ...wanted, key: heavy.secret, headers: { prefer: 'respond-async' } }),
    ),
  );
  for (let n = 0; n < 3; n += 1) expect((await ask(broker.url, { ...wanted, key: light.secret })).status).toBe(200);
  const burst = accepted.map(({ text }) => ({ id: (JSON.parse(text) as { id: string }).id }) as Offered);
  const startsOfBurst = (await endsOf(broker, burst, 30_000)).map(({ startedAtMs }) => startedAtMs!);
  const singles = await broker.database
    .selectFrom('ledger_entries')
    .innerJoin('requests', 'requests.request_id', 'ledger_entries.request_id')
    .select(['accepted_at', 'started_at'])
    .where('ledger_entries.key_id', '=', light.id)
    .execute();
  expect(singles).toHaveLength(3);
  for (const single of singles) {
    const [from, until] = [Number(single.accepted_at), Number(single.started_at)];
    // Those that were about to start, and one turn: not all that had come before it.
    const passed = startsOfBurst.filter((atMs) => atMs > from && atMs < until);
    expect(passed.length).toBeLessThanOrEqual(CONCURRENCY);
  }
});

test('the priority of a request is shown; an invalid one is refused', async () => {
  const asked = { model: 'm', prompt: 'First' };
  const { headers } = await ask(broker.url, { ...asked, headers: { 'x-sluice-priority': 'high' } });
  const shown = await fetch(`${broker.url}/v1/requests/${headers['x-request-id']}`, {
    headers: { authorization: `Bearer ${TEST_KEY}` },
  });
  expect(await shown.json()).toMatchObject({ lane: 'interactive', priority: 'high' });
  const refused = await ask(broker.url, { ...asked, headers: { 'x-sluice-priority': 'urgent' } });
  expect(refused.status).toBe(400);
  expect(refused.text).toContain('x-sluice-priority must be one of high, normal, low');
});

test('a request is answered at once when the wait is over', async () => {
  const answer = await ask(broker.url, { model: 'm', prompt: 'And now?', headers: { 'x-sluice-deadline-ms': '3000' } });
  expect(answer.status).toBe(200);
  expect(answer.durationMs).toBeLessThan(2_500);
  // A client that has disconnected must not delay others.
  expect(await broker.redis.client.zcard('{sluice}:waiting:interactive:deployment:sim/m')).toBe(0);
  expect(
    await broker.redis.client.hget('{sluice}:wait-queue-tokens', '{sluice}:waiting:interactive:deployment:sim/m'),
  ).toBe('0');
});
