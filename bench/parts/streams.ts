// Streams: chunks per second with many open at once, time to the first token, CPU per chunk; memory of open streams.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { endWithParent } from '#test/support/end-with-parent.ts';
import type { Figures } from '../figures.ts';
import type { StreamResult } from '../load-streams.ts';
import { cpuDuring, type Measured, residentMiB } from '../processes.ts';
import { usedMiB } from '../redis-stats.ts';
import type { Target } from '../targets.ts';
import { perUnit } from './requests.ts';

const WARM_UP_SECONDS = 2;
const OPENING_MS = 5_000;

export async function measureStreams(
  figures: Figures,
  target: Target,
  upstream: Measured,
  { streams, seconds }: { streams: number; seconds: number },
): Promise<void> {
  await runStreams(target, streams, WARM_UP_SECONDS);
  const { result, cpu } = await cpuDuring([...target.processes, upstream], () => runStreams(target, streams, seconds));
  figures.note({
    part: `streams (${streams} at once)`,
    target: target.name,
    chunks_per_s: result.chunksPerSecond,
    first_p50_ms: result.firstP50Ms,
    first_p99_ms: result.firstP99Ms,
    finished: result.finished,
    failed: result.failed,
    ...perUnit(cpu, result.chunks),
    client_us: (result.cpuSeconds / result.chunks) * 1e6,
  });
}

/** Resident memory of each process without and with streams, and the increase per open stream. */
export async function measureOpenStreams(figures: Figures, target: Target, streams: number): Promise<void> {
  await runStreams(target, 50, 1);
  const before = await memoryOf(target);
  const running = runStreams(target, streams, 1);
  await new Promise((resolve) => setTimeout(resolve, OPENING_MS));
  const open = await memoryOf(target);
  await running;
  const after = await memoryOf(target);
  const sum = (memory: Record<string, number>) => Object.values(memory).reduce((total, mib) => total + mib, 0);
  figures.note({
    part: `memory of ${streams} open streams`,
    target: target.name,
    per_stream_mib: (sum(open) - sum(before)) / streams,
    before_mib: sum(before),
    open_mib: sum(open),
    after_mib: sum(after),
    ...Object.fromEntries(Object.entries(open).map(([name, mib]) => [`${name}_mib`, mib])),
  });
}

async function memoryOf(target: Target): Promise<Record<string, number>> {
  const memory: Record<string, number> = {};
  for (const { name, pid } of target.processes) memory[name] = (memory[name] ?? 0) + residentMiB(pid);
  // Memory used for data: what the allocator keeps beyond that depends on the past rather than on the streams.
  if (target.redisPort !== null) memory.redis = await usedMiB(target.redisPort);
  return memory;
}

function runStreams(target: Target, streams: number, seconds: number): Promise<StreamResult> {
  const entry = fileURLToPath(new URL('../load-streams.ts', import.meta.url));
  const load = JSON.stringify({ url: target.url, headers: target.headers, streams, seconds });
  const child = endWithParent(spawn(process.execPath, [entry, load], { stdio: ['ignore', 'pipe', 'inherit'] }));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) =>
      code === 0 ? resolve(JSON.parse(output) as StreamResult) : reject(new Error('load failed')),
    );
  });
}
