#!/bin/bash
# What      A BullMQ processor that uses the abort signal (its third argument), wrapped for tracing or logging: (...args) =>
#           processor(...args).
# Versions  bullmq 6.7.0, ioredis 6.0.0 (npm); needs a redis-server (7.0 here) on the path, started on a Unix socket
# Expected  The wrapped function gets the same arguments as the original.
# Seen      2026-11-28: the worker creates a signal only if processor.length is 3 or more. With rest parameters, or with a default
#           value for one of the three, there is no signal, and cancelJob() returns false.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${redis:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 bullmq@6.7.0 ioredis@6.0.0
redis-server --port 0 --unixsocket "$dir/redis" --save '' --dir "$dir" > /dev/null & redis=$!
cat > run.mjs <<'E'
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const connection = new Redis({ path: './redis', maxRetriesPerRequest: null });
let started;
async function bare(job, token, signal) {
  started(signal);
  await new Promise((resolve) => {
    setTimeout(resolve, 1500);
    signal?.addEventListener('abort', resolve);
  });
  return signal?.aborted ? 'stopped' : 'ran on';
}
const forms = { bare, 'rest parameters': (...args) => bare(...args), 'default value': (job, token, signal = undefined) => bare(job, token, signal) };
for (const [name, processor] of Object.entries(forms)) {
  const queue = new Queue('jobs', { connection });
  const running = new Promise((resolve) => (started = resolve));
  const worker = new Worker('jobs', processor, { connection });
  const done = new Promise((resolve) => worker.once('completed', (_, result) => resolve(result)));
  const job = await queue.add('job', {});
  const signal = await running;
  const cancelled = worker.cancelJob(job.id);
  console.log(`${name}: signal ${signal?.constructor.name}, cancelJob gives ${cancelled}, the job ${await done}`);
  await worker.close();
  await queue.close();
}
connection.disconnect();
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
bare: signal AbortSignal, cancelJob gives true, the job stopped
rest parameters: signal undefined, cancelJob gives false, the job ran on
default value: signal undefined, cancelJob gives false, the job ran on
E
