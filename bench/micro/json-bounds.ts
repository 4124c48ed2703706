// Measures the cost of scanning a body's bytes, compared with the parse that follows, and how long the largest accepted bodies
// block the event loop. Run: node bench/micro/json-bounds.ts
import { BODY_BOUNDS, findExcess } from '../../src/protocols/bounds/json-bounds.ts';

const MEGABYTE = 1024 * 1024;
const LIMIT = 32 * MEGABYTE;
const message = { role: 'user', content: 'Say "hello" in three languages, one a line.\nThen stop.' };

function chat(bytes: number): Buffer {
  const count = Math.max(1, Math.round(bytes / JSON.stringify(message).length));
  return Buffer.from(JSON.stringify({ model: 'gpt-4o', stream: true, messages: Array(count).fill(message) }));
}

function filled(open: string, item: (at: number) => string, close: string, bytes: number): Buffer {
  const parts: string[] = [];
  for (let size = 0, at = 0; size < bytes; at++) {
    const part = item(at);
    parts.push(part);
    size += part.length + 1;
  }
  return Buffer.from(open + parts.join(',') + close);
}

function most(count: number, item: (at: number) => string, [open, close] = ['[', ']']): Buffer {
  return Buffer.from(open + Array.from({ length: count - 1 }, (_, at) => item(at)).join(',') + close);
}

const bodies: readonly [string, Buffer][] = [
  ['chat, 1 KB', chat(1_000)],
  ['chat, 100 KB', chat(100_000)],
  ['an image, 30 MB', Buffer.from(JSON.stringify({ ...message, image: 'A'.repeat(30 * MEGABYTE) }))],
  ['code, 30 MB of quotes', Buffer.from(JSON.stringify({ ...message, content: '"'.repeat(15 * MEGABYTE) }))],
  ['as many {} as are allowed', most(BODY_BOUNDS.containers, () => '{}')],
  ['as many members as are allowed', most(BODY_BOUNDS.strings, (at) => `"k${at}":1`, ['{', '}'])],
  ['as many texts as are allowed', most(BODY_BOUNDS.strings, (at) => `"${at}"`)],
  ['as many numbers as are allowed', most(BODY_BOUNDS.items, (at) => String(at))],
  ['31 MB of {}', filled('[', () => '{}', ']', LIMIT - MEGABYTE)],
  ['31 MB of [', Buffer.alloc(LIMIT - MEGABYTE, '[')],
];

/** Minimum of many runs in microseconds, which excludes the effect of other load. */
function best(work: () => unknown, size: number): number {
  const rounds = size < MEGABYTE ? 2_000 : 5;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const from = process.hrtime.bigint();
    work();
    least = Math.min(least, Number(process.hrtime.bigint() - from) / 1_000);
  }
  return least;
}

process.stdout.write(
  `${'body'.padEnd(26)}${'bytes'.padStart(10)}${'scan, µs'.padStart(12)}${'parse, µs'.padStart(12)}\n`,
);
for (const [name, body] of bodies) {
  const scan = best(() => findExcess(body), body.length);
  const isRefused = findExcess(body) !== null;
  const parse = isRefused ? 'refused' : best(() => JSON.parse(body.toString()), body.length).toFixed(1);
  const cells = [String(body.length).padStart(10), scan.toFixed(1).padStart(12), parse.padStart(12)];
  process.stdout.write(`${name.padEnd(26)}${cells.join('')}\n`);
}
