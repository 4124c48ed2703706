// A batch from upload to download against a cheap vendor: lines per second, CPU of every process per line, memory of
// Redis and of the processes, and whether the last tenth is as fast as the first.
//
//   npm run bench:batch -- --lines 100000 [--vendor simulator|nginx] [--open-lines 2000]
import { mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs';

import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { createKeyStore } from '#src/accounts/key-store.ts';
import { openDatabase } from '#src/storage/database.ts';
import { cpuSeconds, type Measured, residentMiB, startProcess, untilListening } from './processes.ts';
import { FIXED_PORT, startFixedUpstream } from './upstreams.ts';

const { values } = parseArgs({
  options: {
    lines: { type: 'string', default: '100000' },
    vendor: { type: 'string', default: 'simulator' },
    'open-lines': { type: 'string', default: '2000' },
  },
});
const LINES = Number(values.lines);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const API_PORT = 19_130;
const REDIS_PORT = 19_131;
const SIMULATOR_PORT = 19_132;
const KEY = 'sk-sluice-bench';
const POLL_MS = 250;

interface BatchView {
  status: string;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: { total: number; completed: number; failed: number };
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const processes: Measured[] = [];
  try {
    await startAll(directory, processes);
    await measure(directory, processes);
  } finally {
    for (const running of processes.reverse()) await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startAll(directory: string, processes: Measured[]): Promise<void> {
  const databaseUrl = `sqlite:${join(directory, 'sluice.db')}`;
  const vendorPort = values.vendor === 'nginx' ? FIXED_PORT : SIMULATOR_PORT;
  const configPath = join(directory, 'sluice.yaml');
  const configuration = {
    server: { port: API_PORT },
    redis: { url: `redis://127.0.0.1:${REDIS_PORT}` },
    database: { url: databaseUrl },
    providers: { upstream: { protocols: ['openai-chat'], base_url: `http://127.0.0.1:${vendorPort}/v1` } },
    models: { '*': { deployments: [{ provider: 'upstream', model: '*', price: { input: 2.5, output: 10 } }] } },
    batches: { max_lines: 10_000_000, max_bytes: 8 * 2 ** 30, open_lines: Number(values['open-lines']) },
  };
  writeFileSync(configPath, JSON.stringify(configuration));
  const database = await openDatabase(databaseUrl, () => undefined);
  await createKeyStore(database).ensure('bench', KEY);
  await database.destroy();

  const redisArgs = [
    '--port',
    String(REDIS_PORT),
    '--bind',
    '127.0.0.1',
    '--dir',
    directory,
    '--save',
    '',
    '--hz',
    '100',
  ];
  processes.push(
    startProcess('redis', 'redis-server', [...redisArgs, '--appendonly', 'yes', '--hash-max-listpack-value', '512']),
  );
  await untilListening(REDIS_PORT);
  const env = { ...process.env, SLUICE_CONFIG: configPath, SLUICE_DATA: directory, SLUICE_LOG_LEVEL: 'info' };
  const profile =
    process.env.BENCH_PROFILE === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${process.env.BENCH_PROFILE}`];
  const node = (name: string, ...args: string[]) =>
    processes.push(startProcess(name, process.execPath, [...profile, ...args], { cwd: ROOT, env }));
  if (values.vendor === 'nginx') processes.push(await startFixedUpstream());
  else {
    node('simulator', 'src/simulate.ts', '--port', String(SIMULATOR_PORT), '--tokens', '12', '--kept-requests', '0');
    await untilListening(SIMULATOR_PORT);
  }
  node('worker', 'workers/inference.ts', '--no-batches');
  node('batches', 'workers/batches.ts');
  node('api', 'src/main.ts');
  await untilListening(API_PORT);
  while (!(await fetch(`http://127.0.0.1:${API_PORT}/readyz`)).ok) await pause(POLL_MS);
}

async function measure(directory: string, processes: readonly Measured[]): Promise<void> {
  const path = join(directory, 'bench-input.jsonl');
  await writeInput(path);
  const redis = new Redis({ port: REDIS_PORT, host: '127.0.0.1' });
  const cpuBefore = processes.map(({ pid }) => cpuSeconds(pid));
  const uploadedMs = performance.now();
  const fileId = await upload(path);
  const createdMs = performance.now();
  const { id } = await call<{ id: string }>('POST', '/v1/batches', {
    input_file_id: fileId,
    endpoint: '/v1/chat/completions',
    completion_window: '24h',
  });

  const samples: { atMs: number; done: number }[] = [];
  const peak: Record<string, number> = {};
  const pump = processes.find(({ name }) => name === 'batches')!;
  const pumpMiB: { done: number; mib: number }[] = [];
  let redisPeakMiB = 0;
  let batch: BatchView;
  let validatedMs = 0;
  for (;;) {
    batch = await call<BatchView>('GET', `/v1/batches/${id}`);
    const now = performance.now();
    if (batch.status !== 'validating' && validatedMs === 0) validatedMs = now;
    samples.push({ atMs: now, done: batch.request_counts.completed + batch.request_counts.failed });
    for (const { name, pid } of processes) peak[name] = Math.max(peak[name] ?? 0, residentMiB(pid));
    pumpMiB.push({ done: samples.at(-1)!.done, mib: residentMiB(pump.pid) });
    redisPeakMiB = Math.max(redisPeakMiB, Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]) / 2 ** 20);
    if (['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) break;
    await pause(POLL_MS);
  }
  const endedMs = performance.now();
  redis.disconnect();
  const distinct = await countDistinct(batch);
  const seconds = (endedMs - validatedMs) / 1_000;
  print({
    lines: LINES,
    vendor: values.vendor,
    status: batch.status,
    ...batch.request_counts,
    distinct_ids: distinct,
    upload_s: (createdMs - uploadedMs) / 1_000,
    validation_s: (validatedMs - createdMs) / 1_000,
    run_s: seconds,
    lines_per_s: LINES / seconds,
    lines_per_s_end_to_end: LINES / ((endedMs - uploadedMs) / 1_000),
    first_tenth_per_s: rateBetween(samples, 0.02, 0.1),
    last_tenth_per_s: rateBetween(samples, 0.9, 0.99),
  });
  print({
    what: 'cpu, microseconds per line',
    ...Object.fromEntries(
      processes.map(({ name, pid }, index) => [name, ((cpuSeconds(pid) - cpuBefore[index]!) / LINES) * 1e6]),
    ),
  });
  print({ what: 'peak memory, MiB', redis_used: redisPeakMiB, ...peak });
  const at = (share: number) => pumpMiB.find(({ done }) => done >= LINES * share)?.mib ?? Number.NaN;
  print({ what: 'batches process on the way, MiB', tenth: at(0.1), half: at(0.5), nine_tenths: at(0.9) });
}

/** Lines per second between two shares of all lines. */
function rateBetween(samples: readonly { atMs: number; done: number }[], from: number, to: number): number {
  const first = samples.find(({ done }) => done >= LINES * from);
  const last = samples.find(({ done }) => done >= LINES * to);
  return first === undefined || last === undefined
    ? Number.NaN
    : ((last.done - first.done) * 1_000) / (last.atMs - first.atMs);
}

async function writeInput(path: string): Promise<void> {
  const file = await open(path, 'w');
  const filler = 'The quick brown fox jumps over the lazy dog. '.repeat(8);
  for (let from = 0; from < LINES; from += 1_000) {
    const lines = Array.from({ length: Math.min(1_000, LINES - from) }, (_, index) =>
      JSON.stringify({
        custom_id: `line-${from + index}`,
        method: 'POST',
        url: '/v1/chat/completions',
        body: { model: 'gpt-4o', messages: [{ role: 'user', content: `${filler}${from + index}` }] },
      }),
    );
    await file.write(`${lines.join('\n')}\n`);
  }
  await file.close();
}

async function upload(path: string): Promise<string> {
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', await openAsBlob(path), 'input.jsonl');
  const answer = await fetch(`http://127.0.0.1:${API_PORT}/v1/files`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}` },
    body: form,
  });
  return ((await answer.json()) as { id: string }).id;
}

/** How many custom_ids the result files hold, each counted once. */
async function countDistinct({ output_file_id: output, error_file_id: error }: BatchView): Promise<number> {
  const ids = new Set<string>();
  for (const id of [output, error]) {
    if (id === null) continue;
    const answer = await fetch(`http://127.0.0.1:${API_PORT}/v1/files/${id}/content`, {
      headers: { authorization: `Bearer ${KEY}` },
    });
    for (const [, customId] of (await answer.text()).matchAll(/"custom_id":"([^"]+)"/g)) ids.add(customId!);
  }
  return ids.size;
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const answer = await fetch(`http://127.0.0.1:${API_PORT}${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

function print(figures: Record<string, unknown>): void {
  const text = (value: unknown) =>
    typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(value < 10 ? 2 : 0) : String(value);
  console.log(
    Object.entries(figures)
      .map(([name, value]) => `${name}=${text(value)}`)
      .join('  '),
  );
}

await main();
