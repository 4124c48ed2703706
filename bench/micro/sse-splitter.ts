// Measures how long events of any size block a worker, in the pieces that a socket delivers: one event of 60 MB must take less
// than half a second, and time must grow linearly with size. Run: node bench/micro/sse-splitter.ts
import { MAX_SSE_EVENT_BYTES, SseSplitter } from '../../src/protocols/wire/sse-splitter.ts';

const PIECE_BYTES = 16 * 1024;
const ROUNDS = 5;
const MEGABYTE = 1_000_000;

const event = (bytes: number) => `data: {"text":"${'a'.repeat(bytes)}"}\n\n`;
const lines = (bytes: number) => `${`data: ${'a'.repeat(994)}\n`.repeat(bytes / 1_001)}\n`;

const streams: readonly [string, Buffer][] = [
  ['15 MB in one event', Buffer.from(event(15 * MEGABYTE))],
  ['30 MB in one event', Buffer.from(event(30 * MEGABYTE))],
  ['60 MB in one event', Buffer.from(event(Math.min(60 * MEGABYTE, MAX_SSE_EVENT_BYTES)))],
  ['60 MB in one event of many lines', Buffer.from(lines(60 * MEGABYTE))],
  ['60 MB in events of 200 bytes', Buffer.from(event(180).repeat((60 * MEGABYTE) / 200))],
];

function split(bytes: Buffer): number {
  const splitter = new SseSplitter();
  let events = 0;
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    events += splitter.push(bytes.subarray(at, at + PIECE_BYTES)).length;
  }
  return events;
}

for (const [name, bytes] of streams) {
  const times: number[] = [];
  let events = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    events = split(bytes);
    times.push(performance.now() - startedAt);
  }
  console.log(`${name.padEnd(36)} ${events} events, ${Math.min(...times).toFixed(0)} ms`);
}
