// Limits are exact over a fleet: four worker processes, and a provider with a strict sliding window that allows no more than
// its limit in any sixty seconds and otherwise responds with 429.
import { Agent, request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { volume } from '#test/support/runs.ts';

const RPM = volume(100, 300);
/** A burst that fills the limit at once, then a steady flow above it: both edges of the window are tried. */
const BURST = RPM + 10;
const FLOW_PER_SECOND = (RPM / 60) * 1.2;
const DURATION_MS = 66_000;

let simulator: Simulator;
let broker: TestBroker;
const agent = new Agent({ connections: 1_000 });

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 2, rpm: RPM, keptRequests: 0 });
  broker = await startBroker({
    workers: 4,
    configuration: {
      providers: { sim: { protocols: ['openai-chat'], base_url: `${simulator.url}/v1`, limits: { rpm: RPM } } },
      models: { m: { deployments: [{ provider: 'sim', model: 'm', price: { input: 1, output: 1 } }] } },
    },
  });
});
afterAll(async () => {
  await agent.destroy();
  await broker.stop();
  await simulator.close();
});

const refusals: string[] = [];

async function send(): Promise<number> {
  const { statusCode, body } = await request(`${broker.url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const text = await body.text();
  // The failure message contains details of the run.
  if (statusCode !== 200) refusals.push(text);
  return statusCode;
}

test('there is no 429, and at least 95 % of the limit is used', { timeout: 120_000 }, async () => {
  const statuses: number[] = [];
  const note = (answer: Promise<number>) =>
    void answer.then(
      (status) => statuses.push(status),
      () => undefined,
    );
  for (let i = 0; i < BURST; i++) note(send());
  await new Promise<void>((resolve) => {
    const flow = setInterval(() => note(send()), 1_000 / FLOW_PER_SECOND);
    setTimeout(() => {
      clearInterval(flow);
      resolve();
    }, DURATION_MS);
  });
  const { calls, rateLimited, peaks } = simulator.stats();
  expect(rateLimited).toBe(0);
  expect(peaks.requestsPerMinute).toBeLessThanOrEqual(RPM);
  expect(peaks.requestsPerMinute).toBeGreaterThanOrEqual(0.95 * RPM);
  // The second minute has begun: what waited was let through as soon as the first burst left the window.
  expect(calls).toBeGreaterThan(RPM);
  expect(refusals).toEqual([]);
  expect(new Set(statuses)).toEqual(new Set([200]));
});
