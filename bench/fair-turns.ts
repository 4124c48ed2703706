// `npm run fairness-proof`: how long single requests of one key wait during a burst of another. The provider allows 40 concurrent
// calls of half a second; there are two API processes and two workers. One key sends one request per second, first alone, then
// while another key has 10,000 requests waiting. Prints times from sending a request to the first byte of its answer. `--burst N`
// and `--seconds N` make it smaller. With `--rpm N` the provider also allows only N requests per minute, and the burst begins
// together with the single requests; prints how much of this limit each minute used.
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { startSimulator } from '#simulator/simulator.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';

const CONCURRENCY = 40;
const CALL_MS = 500;
const SENT_AT_ONCE = 64;

const { values } = parseArgs({
  options: {
    burst: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '60' },
    rpm: { type: 'string' },
  },
});
const [burst, seconds] = [Number(values.burst), Number(values.seconds)];
const rpm = values.rpm === undefined ? null : Number(values.rpm);

const simulator = await startSimulator({
  tokens: 2,
  firstTokenMs: CALL_MS,
  concurrency: CONCURRENCY,
  rpm,
  keptRequests: 0,
});
const deployment = {
  provider: 'sim',
  model: 'm',
  price: { input: 1, output: 1 },
  limits: { concurrency: CONCURRENCY, ...(rpm === null ? {} : { rpm }) },
};
const broker = await startBroker({
  apis: 2,
  workers: 2,
  configuration: {
    server: { deadline_ms: 3_600_000 },
    providers: { sim: { protocols: ['openai-chat'], base_url: `${simulator.url}/v1` } },
    models: { m: { deployments: [deployment] } },
  },
});
const agent = new Agent({ connections: SENT_AT_ONCE + 8 });

async function send(
  { apis }: TestBroker,
  index: number,
  key: string,
  more: Record<string, string> = {},
): Promise<number> {
  const startedAtMs = performance.now();
  const { statusCode, body } = await request(`${String(apis[index % apis.length]!.details.url)}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...more },
    body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Hello' }] }),
  });
  const tookMs = performance.now() - startedAtMs;
  await body.dump();
  if (statusCode >= 300) throw new Error(`The broker answered ${statusCode}`);
  return tookMs;
}

/** Sends one request per second, whether or not the previous one has ended. */
async function single(key: string): Promise<number[]> {
  const times: Promise<number>[] = [];
  for (let n = 0; n < seconds; n += 1) {
    times.push(send(broker, n, key));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  return (await Promise.all(times)).sort((a, b) => a - b);
}

async function fill(key: string): Promise<void> {
  let next = 0;
  const client = async () => {
    while (next < burst) await send(broker, next++, key, { prefer: 'respond-async' });
  };
  await Promise.all(Array.from({ length: SENT_AT_ONCE }, client));
}

/** Calls that reached the provider in each minute of the measurement. */
async function callsPerMinute(): Promise<number[]> {
  const counts: number[] = [];
  let before = simulator.stats().calls;
  for (let minute = 1; minute * 60 <= seconds; minute += 1) {
    await new Promise((resolve) => setTimeout(resolve, 60_000));
    const now = simulator.stats().calls;
    counts.push(now - before);
    before = now;
  }
  return counts;
}

async function waiting(): Promise<number> {
  return broker.redis.client.zcard('{sluice}:waiting:interactive:deployment:sim/m');
}

const at = (times: readonly number[], part: number) => Math.round(times[Math.ceil(times.length * part) - 1]!);

function print(what: string, times: readonly number[]): void {
  console.log(`${what}: p50 ${at(times, 0.5)} ms, p95 ${at(times, 0.95)} ms, longest ${at(times, 1)} ms`);
}

try {
  const [light, heavy] = await Promise.all([broker.createKey('single'), broker.createKey('burst')]);
  const alone = await single(light.secret);
  print('one request a second, alone', alone);
  const filled = fill(heavy.secret);
  // A burst that uses up calls at once is there before; one that uses up a minute's window begins now.
  if (rpm === null) await filled;
  const before = await waiting();
  const [beside, perMinute] = await Promise.all([single(light.secret), callsPerMinute()]);
  await filled;
  print(`the same during a burst of ${burst} (${before} waiting at the start, ${await waiting()} at the end)`, beside);
  if (rpm !== null)
    console.log(`of the limit: ${perMinute.map((calls) => `${Math.round((calls * 100) / rpm)} %`).join(', ')}`);
  console.log(`p95: ${(at(beside, 0.95) / at(alone, 0.95)).toFixed(2)} ×`);
} finally {
  await agent.destroy();
  await broker.stop();
  await simulator.close();
}
