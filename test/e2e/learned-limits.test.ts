// A provider whose limit nobody has configured: after its first answer it is never asked for more than it allows, and operators
// see what was learned.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#src/simulator/simulator.ts';
import { admin, readMetrics } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { startSluice } from '#test/support/sluice-command.ts';

const RPM = 40;
let simulator: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 2, rpm: RPM, keptRequests: 0 });
  broker = await startBroker({
    configuration: {
      providers: { sim: { protocols: ['openai-chat'], base_url: `${simulator.url}/v1` } },
      models: { m: { deployments: [{ provider: 'sim', model: 'm', price: { input: 1, output: 1 } }] } },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
});

test('is used to the full and never refuses', async () => {
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
