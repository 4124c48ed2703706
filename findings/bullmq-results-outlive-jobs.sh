#!/bin/bash
# What      What remains in Redis of the results of jobs that are removed on completion (removeOnComplete: true).
# Versions  bullmq 6.7.0, ioredis 6.0.0 (npm); needs a redis-server (7.0 here) on the path, started on a Unix socket
# Expected  Nothing: the job is deleted together with its return value.
# Seen      2026-11-28: every return value stays readable in the queue's event stream until about 10,000 later events have
#           replaced it. 50 results of 20 kB are a megabyte, and confidential ones outlive their jobs.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${redis:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 bullmq@6.7.0 ioredis@6.0.0
redis-server --port 0 --unixsocket "$dir/redis" --save '' --dir "$dir" > /dev/null & redis=$!
cat > run.mjs <<'E'
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const connection = new Redis({ path: './redis', maxRetriesPerRequest: null });
const queue = new Queue('answers', { connection, defaultJobOptions: { removeOnComplete: true } });
const worker = new Worker('answers', async () => 'the answer '.repeat(1800), { connection });
let completed = 0;
const all = new Promise((resolve) => worker.on('completed', () => { if (++completed === 50) resolve(); }));
for (let job = 0; job < 50; job += 1) await queue.add('job', {});
await all;
const jobs = Object.values(await queue.getJobCounts()).reduce((sum, count) => sum + count);
const events = await connection.xrange(queue.toKey('events'), '-', '+');
const whole = events.filter(([, fields]) => fields.some((field) => field.length > 19_000)).length;
const bytes = await connection.memory('USAGE', queue.toKey('events'), 'SAMPLES', 0);
console.log(`jobs ${jobs}, whole results in the event stream ${whole}, over 900 kB ${bytes > 900_000}`);
await worker.close();
await queue.close();
connection.disconnect();
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
jobs 0, whole results in the event stream 50, over 900 kB true
E
