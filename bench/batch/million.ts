// A batch of a million lines: accepted, validated, run for a bounded time, cancelled and checked, with the memory of every
// process. Only the pump alone (pump.ts) runs all million lines.
import { statSync } from 'node:fs';
import { Redis } from 'ioredis';
import { residentMiB } from '../processes.ts';
import {
  type BatchView,
  cancelBatch,
  countDistinct,
  createBatch,
  doneLines,
  readBatch,
  untilBatch,
  upload,
  writeInput,
} from './client.ts';
import { type Deployment, pause, REDIS_PORT, startDeployment } from './deployment.ts';
import { print } from './print.ts';
import { redisUsedMiB } from './rate.ts';

const SAMPLES = 6;

export interface MillionOptions {
  lines: number;
  /** How long lines are run. */
  seconds: number;
}

export async function measureMillion({ lines, seconds }: MillionOptions): Promise<void> {
  const deployment = await startDeployment({ vendor: 'nginx' });
  const redis = new Redis({ port: REDIS_PORT, host: '127.0.0.1' });
  try {
    const path = await writeInput(deployment, { lines });
    const memory = () => memoryOf(deployment, redis);
    print({ what: 'million', lines, input_MiB: statSync(path).size / 2 ** 20, ...(await memory()) });
    const startedMs = performance.now();
    const fileId = await upload(deployment, path);
    print({ what: 'uploaded', seconds: since(startedMs), ...(await memory()) });
    const createdMs = performance.now();
    const id = await createBatch(deployment, fileId);
    await untilBatch(deployment, id, ({ status }) => status !== 'validating');
    print({ what: 'validated', seconds: since(createdMs), ...(await memory()) });
    const fedMs = performance.now();
    for (let sample = 1; sample <= SAMPLES; sample++) {
      await pause((seconds * 1_000) / SAMPLES);
      const done = doneLines(await readBatch(deployment, id));
      print({ what: 'fed', seconds: since(fedMs), done, lines_per_s: done / since(fedMs), ...(await memory()) });
    }
    await cancelAll(deployment, id, lines, memory);
  } finally {
    redis.disconnect();
    await deployment.stop();
  }
}

async function cancelAll(
  deployment: Deployment,
  id: string,
  lines: number,
  memory: () => Promise<Record<string, number>>,
): Promise<void> {
  const startedMs = performance.now();
  const batch: BatchView = await cancelBatch(deployment, id);
  const distinct = await countDistinct(deployment, batch);
  const figures = { status: batch.status, seconds: since(startedMs), lines, distinct_ids: distinct };
  print({ what: 'cancelled', ...figures, ...(await memory()) });
}

async function memoryOf({ processes }: Deployment, redis: Redis): Promise<Record<string, number>> {
  const resident = processes.map(({ name, pid }) => [`${name}_MiB`, Math.round(residentMiB(pid))] as const);
  return { ...Object.fromEntries(resident), redis_used_MiB: Math.round(await redisUsedMiB(redis)) };
}

const since = (startedMs: number) => (performance.now() - startedMs) / 1_000;
