#!/bin/bash
# What      A command with `commandTimeout` whose response arrives in time while the process itself is blocked for longer than the
#           limit (long work in one turn of the event loop, no CPU time).
# Versions  ioredis 6.0.0 (npm), redis-server 7.0.15 (any that answers PING), Node 20.20.2
# Expected  The response: it was in the socket long before the process continued.
# Seen      2026-11-28: `Command timed out`. Timers run before sockets are read, so a process that was blocked considers every
#           server silent. A shorter block returns the response. On a machine that is short of CPU such errors look like an outage
#           of Redis.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "$server" 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y > /dev/null
npm install --no-audit --no-fund --loglevel=error ioredis@6.0.0 > /dev/null
redis-server --port 0 --unixsocket "$folder/redis.sock" --save '' > /dev/null &
server=$!

cat > try.mjs <<'JS'
import { Redis } from 'ioredis';

const LIMIT_MS = 400;
const redis = new Redis(process.argv[2], { commandTimeout: LIMIT_MS, lazyConnect: true, retryStrategy: () => 50 });
redis.on('error', () => undefined);
for (;;) if (await redis.ping().then(() => true, () => false)) break;

async function ask(standStillMs) {
  const answer = redis.ping();
  // The command has left when this turn of the event loop is over.
  await new Promise(setImmediate);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, standStillMs);
  return answer.catch((error) => error.message);
}
console.log(`stands still for half of the limit:   ${await ask(LIMIT_MS / 2)}`);
console.log(`stands still for twice the limit:     ${await ask(LIMIT_MS * 2)}`);
console.log(`the next command:                     ${await ask(0)}`);
redis.disconnect();
JS

node try.mjs "$folder/redis.sock" | tee seen.txt
diff seen.txt - <<'SEEN'
stands still for half of the limit:   PONG
stands still for twice the limit:     Command timed out
the next command:                     PONG
SEEN
echo "as seen on 2026-11-28"
