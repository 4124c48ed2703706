// Checks that an hour's worth of traffic, sent at full speed, does not grow Redis or the memory of processes.
// `npm run bench:memory -- --requests 100000`. Prints figures; exit code 1 if keys are left.
import { parseArgs } from 'node:util';
import { countKeys } from './chaos/check-redis.ts';
import { openStage, type Stage } from './memory/traffic.ts';
import { residentMiB } from './processes.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '100000' } } });
const requests = Number(values.requests);
const ROUNDS = 5;
/** After this, buffers, compiled code and caches have reached their size. */
const WARM_UP = Math.min(5_000, requests / 10);

async function look({ broker }: Stage, when: string): Promise<number> {
  const { client } = broker.redis;
  const keys = [...(await countKeys(client)).values()].reduce((sum, count) => sum + count, 0);
  const usedMiB = Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1]) / 1024 / 1024;
  const resident = [...broker.apis, ...broker.workers].map(({ child }) => residentMiB(child.pid!).toFixed(0));
  console.log(`${when}: ${keys} keys, Redis ${usedMiB.toFixed(1)} MiB, API and worker ${resident.join(' and ')} MiB`);
  return keys;
}

const stage = await openStage();
await stage.run(WARM_UP);
await stage.drained();
const before = await look(stage, 'before');
const startedAtMs = Date.now();
for (let round = 1; round <= ROUNDS; round++) {
  const statuses = await stage.run(requests / ROUNDS);
  const perSecond = (round * requests) / ROUNDS / ((Date.now() - startedAtMs) / 1_000);
  await look(stage, `after ${(round * requests) / ROUNDS} (${perSecond.toFixed(0)}/s, ${JSON.stringify(statuses)})`);
}
await stage.drained();
const after = await look(stage, 'drained');
await stage.close();
process.exit(after > before ? 1 : 0);
