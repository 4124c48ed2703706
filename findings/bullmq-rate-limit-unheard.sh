#!/bin/bash
# What      queue.rateLimit(ms), which pauses a whole queue after a provider's 429, on a queue whose workers have no `limiter`
#           option.
# Versions  bullmq 6.7.0, ioredis 6.0.0 (npm); needs a redis-server (7.0 here) on the path, started on a Unix socket
# Expected  No job starts for that time; or the call reports that it has no effect.
# Seen      2026-11-28: it resolves, getRateLimitTtl() counts down, and jobs start at once. With a `limiter` of the worker, or any
#           setGlobalRateLimit(), however high, it works.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${redis:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 bullmq@6.7.0 ioredis@6.0.0
redis-server --port 0 --unixsocket "$dir/redis" --save '' --dir "$dir" > /dev/null & redis=$!
cat > run.mjs <<'E'
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const connection = new Redis({ path: './redis', maxRetriesPerRequest: null });
async function startsAfter(name, options = {}, prepare = () => {}) {
  const queue = new Queue(name, { connection });
  await prepare(queue);
  await queue.rateLimit(2000);
  const limited = (await queue.getRateLimitTtl()) > 1000;
  const at = Date.now();
  const worker = new Worker(name, async () => {}, { connection, ...options });
  const done = new Promise((resolve) => worker.once('completed', () => resolve(Date.now() - at)));
  await queue.add('job', {});
  const waited = (await done) > 1500;
  console.log(`${name}: limited ${limited}, the job ${waited ? 'waits' : 'starts at once'}`);
  await worker.close();
  await queue.close();
}
await startsAfter('plain');
await startsAfter('limiter', { limiter: { max: 1_000_000, duration: 1000 } });
await startsAfter('global', {}, (queue) => queue.setGlobalRateLimit(1_000_000, 1000));
connection.disconnect();
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
plain: limited true, the job starts at once
limiter: limited true, the job waits
global: limited true, the job waits
E
