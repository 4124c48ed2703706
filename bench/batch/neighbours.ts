// The effect of a running batch on interactive calls, on another key's one request per second, and on another batch. Measured
// without and with the batch in one run on the same machine, so that the ratio is meaningful.
import { Agent, request } from 'undici';
import { cancelBatch, createBatch, doneLines, readBatch, untilBatch, upload, writeInput } from './client.ts';
import { type Deployment, pause, secretOf, startDeployment } from './deployment.ts';
import { percentile, print } from './print.ts';

const BUSY_PER_SECOND = 10;
const QUIET_PER_SECOND = 1;
const SETTLE_MS = 3_000;

export interface NeighbourOptions {
  lines: number;
  seconds: number;
  /** Time that the provider takes to answer. */
  providerMs: number;
  batchSlots: number | undefined;
}

export async function measureNeighbours({ lines, seconds, providerMs, batchSlots }: NeighbourOptions): Promise<void> {
  const deployment = await startDeployment({
    vendor: 'simulator',
    simulatorArgs: ['--tokens', '12', '--first', String(providerMs)],
    keys: ['busy', 'quiet', 'bulk', 'bulk-too'],
    ...(batchSlots === undefined ? {} : { batchSlots }),
  });
  try {
    const fileId = await upload(deployment, await writeInput(deployment, { lines }), 'bulk');
    await observe(deployment, SETTLE_MS);
    const alone = await observe(deployment, seconds * 1_000);
    const id = await createBatch(deployment, fileId, 'bulk');
    await untilBatch(deployment, id, (batch) => doneLines(batch) > 0, 'bulk');
    await pause(SETTLE_MS);
    const before = doneLines(await readBatch(deployment, id, 'bulk'));
    const beside = await observe(deployment, seconds * 1_000);
    const batch = await readBatch(deployment, id, 'bulk');
    const isLasting = batch.status === 'in_progress';
    print({
      what: 'interactive during a batch',
      provider_ms: providerMs,
      batch_lines_per_s: (doneLines(batch) - before) / seconds,
      batch_lasted: isLasting,
    });
    for (const key of ['busy', 'quiet'] as const) printLatencies(key, alone[key], beside[key]);
    await cancelBatch(deployment, id, 'bulk');
    await measureHalves(deployment, lines);
  } finally {
    await deployment.stop();
  }
}

function printLatencies(key: string, alone: number[], beside: number[]): void {
  const p95 = [percentile(alone, 0.95), percentile(beside, 0.95)] as const;
  print({
    key,
    requests: beside.length,
    p50_alone_ms: percentile(alone, 0.5),
    p50_beside_ms: percentile(beside, 0.5),
    p95_alone_ms: p95[0],
    p95_beside_ms: p95[1],
    p95_ratio: p95[1] / p95[0],
  });
}

/** Two keys at constant rates, independent of how long answers take. */
async function observe(deployment: Deployment, durationMs: number): Promise<Record<'busy' | 'quiet', number[]>> {
  const agent = new Agent({ connections: 64 });
  const [busy, quiet] = await Promise.all([
    askSteadily(deployment, agent, 'busy', BUSY_PER_SECOND, durationMs),
    askSteadily(deployment, agent, 'quiet', QUIET_PER_SECOND, durationMs),
  ]);
  await agent.destroy();
  return { busy, quiet };
}

async function askSteadily(
  { url }: Deployment,
  agent: Agent,
  key: string,
  perSecond: number,
  durationMs: number,
): Promise<number[]> {
  const calls: Promise<number>[] = [];
  const untilMs = performance.now() + durationMs;
  while (performance.now() < untilMs) {
    calls.push(ask(url, agent, key, calls.length));
    await pause(1_000 / perSecond);
  }
  return Promise.all(calls);
}

/** Returns milliseconds to the last byte. */
async function ask(url: string, agent: Agent, key: string, index: number): Promise<number> {
  const startedMs = performance.now();
  const { statusCode, body } = await request(`${url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secretOf(key)}` },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: `${key} ${index}` }] }),
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${statusCode} ${text}`);
  return performance.now() - startedMs;
}

/** Two batches of two keys with equal weight, started together. */
async function measureHalves(deployment: Deployment, lines: number): Promise<void> {
  const each = Math.min(lines, 8_000);
  const path = await writeInput(deployment, { lines: each });
  const keys = ['bulk', 'bulk-too'];
  const files = await Promise.all(keys.map((key) => upload(deployment, path, key)));
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1_000;
  const halves = await Promise.all(
    keys.map(async (key, at) => {
      const id = await createBatch(deployment, files[at]!, key);
      await untilBatch(deployment, id, (batch) => doneLines(batch) >= each / 2, key);
      return seconds();
    }),
  );
  const ratio = Math.max(...halves) / Math.min(...halves);
  print({ what: 'two batches of equal weight', lines: each, half_a_s: halves[0], half_b_s: halves[1], ratio });
}
