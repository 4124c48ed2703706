// Providers without configured limits: after its first response, a provider gets no more requests than it allows in a minute;
// another one soon gets no more concurrent calls than it allows; operators see what was learned.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { admin, readMetrics } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { startSluice } from '#test/support/sluice-command.ts';

const RPM = 40;
const AT_ONCE = 4;
let simulator: Simulator;
let narrow: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 2, rpm: RPM, keptRequests: 0 });
  narrow = await startSimulator({ tokens: 2, firstTokenMs: 150, concurrency: AT_ONCE, keptRequests: 0 });
  broker = await startBroker({
    configuration: {
      providers: {
        sim: { protocols: ['openai-chat'], base_url: `${simulator.url}/v1` },
        narrow: { protocols: ['openai-chat'], base_url: `${narrow.url}/v1` },
      },
      models: {
        m: { deployments: [{ provider: 'sim', model: 'm', price: { input: 1, output: 1 } }] },
        n: { deployments: [{ provider: 'narrow', model: 'n', price: { input: 1, output: 1 } }] },
      },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
  await narrow?.close();
});

test('is used completely and never refuses', async () => {
  expect(await ask(broker.url, { model: 'm', prompt: 'first' })).toMatchObject({ status: 200 });
  const headers = { 'x-sluice-deadline-ms': '4000' };
  const answers = await Promise.all(
    Array.from({ length: RPM + 10 }, () => ask(broker.url, { model: 'm', prompt: 'x', headers })),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(RPM - 1);
  expect(simulator.stats()).toMatchObject({ calls: RPM, rateLimited: 0 });
});

test('is shown to operators', async () => {
  const { json } = await admin<{ data: unknown[] }>(broker, 'GET', '/limits');
  expect(json.data).toEqual([
    {
      scope: 'deployment:sim/m',
      limit: 'rpm',
      value: RPM,
      used: RPM,
      source: 'learned',
      in_force: true,
      learned_at: expect.any(String),
    },
  ]);
  const { ended } = startSluice(['limits', '--base-url', broker.url], broker.directory, {
    SLUICE_ADMIN_KEY: ADMIN_KEY,
  });
  expect((await ended).stdout).toMatch(/deployment:sim\/m +rpm +40 +40 +learned +\d{4}-/);
  expect(await readMetrics(broker)).toContain(
    `sluice_learned_limit{scope="deployment:sim/m",kind="requestsPerMinute"} ${RPM}`,
  );
});

test('concurrency limits are learned from refusals', { timeout: 60_000 }, async () => {
  let isOver = false;
  const client = async () => {
    while (!isOver) await ask(broker.url, { model: 'n', prompt: 'x' });
  };
  const clients = Array.from({ length: 3 * AT_ONCE }, client);
  const learned = async () => {
    const { json } = await admin<{ data: { scope: string; limit: string; value: number }[] }>(broker, 'GET', '/limits');
    return (
      json.data.find(({ scope, limit }) => scope === 'deployment:narrow/n' && limit === 'concurrency')?.value ?? 99
    );
  };
  await expect.poll(learned, { timeout: 40_000, interval: 250 }).toBeLessThanOrEqual(AT_ONCE + 1);
  isOver = true;
  await Promise.all(clients);
});
