// One batch from upload to download: lines per second, CPU per line of every process, memory of Redis and of the processes,
// and whether the last tenth is as fast as the first.
import { Redis } from 'ioredis';
import { cpuSeconds, residentMiB } from '../processes.ts';
import {
  type BatchView,
  countDistinct,
  createBatch,
  doneLines,
  hasEnded,
  readBatch,
  upload,
  writeInput,
} from './client.ts';
import { type Deployment, pause, REDIS_PORT, startDeployment } from './deployment.ts';
import { print } from './print.ts';

const POLL_MS = 250;

export interface RateOptions {
  lines: number;
  vendor: 'simulator' | 'nginx';
  openLines: number;
  batchSlots: number | undefined;
}

interface Course {
  batch: BatchView;
  validatedMs: number;
  endedMs: number;
  samples: { atMs: number; done: number; pumpMiB: number }[];
  redisMiB: number;
  peakMiB: Record<string, number>;
}

export async function measureRate(options: RateOptions): Promise<void> {
  const { batchSlots, ...rest } = options;
  const deployment = await startDeployment({ ...rest, ...(batchSlots === undefined ? {} : { batchSlots }) });
  try {
    await measure(deployment, options);
  } finally {
    await deployment.stop();
  }
}

async function measure(deployment: Deployment, { lines, vendor }: RateOptions): Promise<void> {
  const { processes } = deployment;
  const path = await writeInput(deployment, { lines });
  const cpuBefore = processes.map(({ pid }) => cpuSeconds(pid));
  const uploadedMs = performance.now();
  const fileId = await upload(deployment, path);
  const createdMs = performance.now();
  const course = await follow(deployment, await createBatch(deployment, fileId));
  const { batch, validatedMs, endedMs, samples } = course;
  const seconds = (endedMs - validatedMs) / 1_000;
  print({
    what: 'rate',
    lines,
    vendor,
    status: batch.status,
    ...batch.request_counts,
    distinct_ids: await countDistinct(deployment, batch),
    upload_s: (createdMs - uploadedMs) / 1_000,
    validation_s: (validatedMs - createdMs) / 1_000,
    run_s: seconds,
    lines_per_s: lines / seconds,
    lines_per_s_end_to_end: lines / ((endedMs - uploadedMs) / 1_000),
    first_tenth_per_s: rateBetween(samples, lines * 0.02, lines * 0.1),
    last_tenth_per_s: rateBetween(samples, lines * 0.9, lines * 0.99),
  });
  const cpu = processes.map(({ name, pid }, at) => [name, ((cpuSeconds(pid) - cpuBefore[at]!) / lines) * 1e6]);
  print({ what: 'cpu, microseconds per line', ...Object.fromEntries(cpu) });
  print({ what: 'peak memory, MiB', redis_used: course.redisMiB, ...course.peakMiB });
  const at = (share: number) => samples.find(({ done }) => done >= lines * share)?.pumpMiB ?? Number.NaN;
  print({ what: 'batches process during the run, MiB', tenth: at(0.1), half: at(0.5), nine_tenths: at(0.9) });
}

async function follow(deployment: Deployment, id: string): Promise<Course> {
  const redis = new Redis({ port: REDIS_PORT, host: '127.0.0.1' });
  const samples: Course['samples'] = [];
  const peakMiB: Record<string, number> = {};
  let redisMiB = 0;
  let validatedMs = 0;
  for (;;) {
    const batch = await readBatch(deployment, id);
    const atMs = performance.now();
    if (batch.status !== 'validating' && validatedMs === 0) validatedMs = atMs;
    samples.push({ atMs, done: doneLines(batch), pumpMiB: residentMiB(deployment.named('batches').pid) });
    for (const { name, pid } of deployment.processes) peakMiB[name] = Math.max(peakMiB[name] ?? 0, residentMiB(pid));
    redisMiB = Math.max(redisMiB, await redisUsedMiB(redis));
    if (hasEnded(batch)) {
      redis.disconnect();
      return { batch, validatedMs, endedMs: atMs, samples, redisMiB, peakMiB };
    }
    await pause(POLL_MS);
  }
}

export async function redisUsedMiB(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))![1]) / 2 ** 20;
}

/** Lines per second between two numbers of finished lines. */
function rateBetween(samples: Course['samples'], from: number, to: number): number {
  const first = samples.find(({ done }) => done >= from);
  const last = samples.find(({ done }) => done >= to);
  if (first === undefined || last === undefined) return Number.NaN;
  return ((last.done - first.done) * 1_000) / (last.atMs - first.atMs);
}
