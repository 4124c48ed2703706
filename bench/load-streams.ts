// Generates streamed load in a separate process: a constant number of streams, each restarted when it ends. Uses raw sockets,
// because an HTTP client would take a large part of the CPU. Parses the chunked body only as far as counting requires.
//
//   node bench/load-streams.ts '{"url": …, "headers": …, "streams": 400, "seconds": 8}'
import { connect } from 'node:net';

export interface StreamLoad {
  url: string;
  headers: Record<string, string>;
  streams: number;
  /** How long streams are started; those still running are then awaited. */
  seconds: number;
}

export interface StreamResult {
  chunks: number;
  chunksPerSecond: number;
  finished: number;
  failed: number;
  /** From the request to the first event, milliseconds. */
  firstP50Ms: number;
  firstP99Ms: number;
  cpuSeconds: number;
}

const DONE = Buffer.from('[DONE]');
const EVENT = Buffer.from('data: {');
/** Maximum wait for running streams at the end. */
const DRAIN_MS = 30_000;

const load = JSON.parse(process.argv[2] ?? '{}') as StreamLoad;
const { hostname, port, pathname } = new URL(load.url);
const body = JSON.stringify({
  model: 'gpt-4o',
  stream: true,
  messages: [{ role: 'user', content: 'Write a haiku about the ocean, and one about the mountains.' }],
});
const head = Object.entries({
  host: `${hostname}:${port}`,
  'content-type': 'application/json',
  'content-length': Buffer.byteLength(body),
  ...load.headers,
})
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join('');
const request = Buffer.from(`POST ${pathname} HTTP/1.1\r\n${head}\r\n${body}`);

let chunks = 0;
let finished = 0;
let failed = 0;
const firstMs: number[] = [];

function count(bytes: Buffer, needle: Buffer): number {
  let found = 0;
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length)) found++;
  return found;
}

/** Resolves when the stream has ended. Each stream has its own connection, as from a browser or a serverless function. */
function runStream(): Promise<void> {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    let hasFirst = false;
    let isDone = false;
    let tail: Buffer = Buffer.alloc(0);
    const socket = connect(Number(port), hostname, () => socket.write(request));
    socket.setNoDelay(true);
    socket.on('data', (data: Buffer) => {
      // The start of an event may be split across pieces: the last few bytes are searched again.
      const bytes = tail.length === 0 ? data : Buffer.concat([tail, data]);
      const events = count(bytes, EVENT);
      chunks += events;
      if (events > 0 && !hasFirst) {
        hasFirst = true;
        firstMs.push(performance.now() - startedMs);
      }
      if (bytes.indexOf(DONE) >= 0) {
        isDone = true;
        socket.end();
      }
      tail = bytes.subarray(Math.max(bytes.lastIndexOf(EVENT) + EVENT.length, bytes.length - EVENT.length + 1));
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (isDone) finished++;
      else failed++;
      resolve();
    });
  });
}

function percentile(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

const startedMs = performance.now();
const untilMs = startedMs + load.seconds * 1_000;
const lanes = Array.from({ length: load.streams }, async () => {
  while (performance.now() < untilMs) await runStream();
});
const timeout = setTimeout(
  () => {
    console.error('streams did not end in time');
    process.exit(1);
  },
  load.seconds * 1_000 + DRAIN_MS,
);
await Promise.all(lanes);
clearTimeout(timeout);
const elapsedSeconds = (performance.now() - startedMs) / 1_000;
firstMs.sort((a, b) => a - b);
const { user, system } = process.cpuUsage();
const result: StreamResult = {
  chunks,
  chunksPerSecond: chunks / elapsedSeconds,
  finished,
  failed,
  firstP50Ms: percentile(firstMs, 0.5),
  firstP99Ms: percentile(firstMs, 0.99),
  cpuSeconds: (user + system) / 1e6,
};
console.log(JSON.stringify(result));
