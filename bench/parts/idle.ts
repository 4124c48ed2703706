// Measures `sluice start` without requests: memory of the launcher and all of its child processes, CPU, commands to Redis.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embeddedRedisUrl } from '../../src/storage/embedded-redis.ts';
import type { Checkout } from '../checkouts.ts';
import type { Figures } from '../figures.ts';
import { cpuSeconds, proportionalMiB, residentMiB, startProcess, treeOf } from '../processes.ts';
import { callsIn } from '../redis-stats.ts';

const SETTLE_MS = 15_000;
const WATCHED_MS = 10_000;
const READY_MS = 120_000;

/** @param providers number of configured providers, each with its own model; none is called. */
export async function measureIdle(figures: Figures, checkout: Checkout, providers: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const config = join(directory, 'sluice.yaml');
  const log = join(directory, 'out');
  writeFileSync(config, JSON.stringify(configurationOf(providers)));
  const data = join(directory, 'data');
  const launcher = startProcess(
    'start',
    'sh',
    ['-c', `exec "${process.execPath}" bin/sluice.mjs --config "${config}" start > "${log}" 2>&1`],
    { cwd: checkout.root, env: { ...process.env, SLUICE_DATA: data, PORT: '0' } },
  );
  try {
    await untilSaid(log, 'Sluice is running');
    await pause(SETTLE_MS);
    const redis = embeddedRedisUrl(join(data, 'redis'))!;
    const callsBefore = await callsIn(redis);
    const cpuBefore = cpuSeconds(launcher.pid);
    await pause(WATCHED_MS);
    const calls = (await callsIn(redis)) - callsBefore;
    const tree = treeOf(launcher.pid);
    figures.note({
      part: `idle, ${providers} providers`,
      target: checkout.name,
      processes: tree.length,
      resident_mib: tree.reduce((sum, pid) => sum + residentMiB(pid), 0),
      proportional_mib: proportionalMiB(launcher.pid),
      redis_calls_per_s: calls / (WATCHED_MS / 1_000),
      cpu_percent: ((cpuSeconds(launcher.pid) - cpuBefore) / (WATCHED_MS / 1_000)) * 100,
    });
  } finally {
    await launcher.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function configurationOf(providers: number) {
  const names = Array.from({ length: providers }, (_, index) => `p${index}`);
  return {
    providers: Object.fromEntries(
      names.map((name) => [
        name,
        { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:9/v1', api_key: 'unused-key' },
      ]),
    ),
    models: Object.fromEntries(names.map((name) => [name, { deployments: [{ provider: name, model: 'm' }] }])),
  };
}

async function untilSaid(path: string, text: string): Promise<void> {
  const untilMs = Date.now() + READY_MS;
  while (Date.now() < untilMs) {
    if (readFileSync(path, { encoding: 'utf8', flag: 'a+' }).includes(text)) return;
    await pause(100);
  }
  throw new Error(`Sluice did not start:\n${readFileSync(path, 'utf8')}`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
