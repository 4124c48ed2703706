// Ten times as many requests per minute as a provider allows, with a deadline: admitted requests are answered in time, refused
// ones immediately get a retry-after, and forecasts are correct. (Concurrency: overload-concurrency.test.ts.)
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { endsOf, forecastErrors, overload, shareWithin } from '#test/support/overload.ts';
import { volume } from '#test/support/runs.ts';

const RPM = volume(150, 300);
const DEADLINE_MS = 66_000;
const DURATION_MS = 14_000;

/** A provider for each try: the first one leaves the minute of its provider full. */
const PROVIDERS = ['first', 'second'];
let tries = 0;
let simulators: Simulator[];
let broker: TestBroker;

beforeAll(async () => {
  simulators = await Promise.all(PROVIDERS.map(() => startSimulator({ tokens: 2, rpm: RPM, keptRequests: 0 })));
  const providerOf = ({ url }: Simulator) => ({
    protocols: ['openai-chat' as const],
    base_url: `${url}/v1`,
    limits: { rpm: RPM },
  });
  const modelOf = (provider: string) => ({ deployments: [{ provider, model: 'm', price: { input: 1, output: 1 } }] });
  broker = await startBroker({
    apis: 2,
    workers: 2,
    configuration: {
      providers: Object.fromEntries(PROVIDERS.map((name, index) => [name, providerOf(simulators[index]!)])),
      models: Object.fromEntries(PROVIDERS.map((name) => [name, modelOf(name)])),
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await Promise.all((simulators ?? []).map((simulator) => simulator.close()));
});

test('admitted requests are answered in time; forecasts are right', { timeout: 120_000 }, async () => {
  const place = tries++;
  const body = { model: PROVIDERS[place]!, messages: [{ role: 'user', content: 'Hello' }] };
  const { admitted, refused, offered } = await overload(broker, {
    perSecond: (RPM / 60) * 10,
    durationMs: DURATION_MS,
    deadlineMs: DEADLINE_MS,
    body,
    sampleEvery: 3,
  });
  const ended = await endsOf(broker, admitted, 75_000);
  const late = ended.filter(
    ({ outcome, acceptedAtMs, finishedAtMs }) => outcome !== 'ok' || finishedAtMs - acceptedAtMs > DEADLINE_MS,
  );
  const errors = forecastErrors(admitted, ended);
  const within = shareWithin(errors, 0.2);
  console.info(
    `${offered.length} offered, ${admitted.length} admitted, ${late.length} late, ${errors.length} forecasts, ` +
      `${Math.round(within * 100)} % within 20 %, median error ${((errors[errors.length >> 1] ?? 0) * 100).toFixed(1)} %`,
  );
  expect(late.length / ended.length).toBeLessThan(0.01);
  // The window has room for one minute's requests at once and for as many a minute later; the deadline ends in between.
  expect(admitted.length).toBeGreaterThan(1.6 * RPM);
  expect(admitted.length).toBeLessThan(2.1 * RPM);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.every(({ status }) => status === 503)).toBe(true);
  expect(Math.min(...refused.map(({ retryAfterMs }) => retryAfterMs!))).toBeGreaterThan(DEADLINE_MS * 0.9);
  expect(within).toBeGreaterThan(0.8);
  expect(simulators[place]!.stats().rateLimited).toBe(0);
});
