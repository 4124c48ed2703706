// Secrets leave a provider's answer, however it is cut into pieces and however it is read.
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { createSecretMask } from '#src/contracts/secret-mask.ts';
import { maskEvents, maskReadable } from '#src/http/mask-answer.ts';

const SECRET = 'sk-very-secret';
const NONE = createSecretMask([]);
const masks = { ofAnswers: createSecretMask([SECRET]), ofFailures: createSecretMask([SECRET]) };
const PIECES = ['your key sk-ve', 'ry-sec', 'ret is wrong'].map((piece) => Buffer.from(piece));

function readByEvents(status: number, secrets: typeof masks): string {
  const told: Buffer[] = [];
  const events = maskEvents(secrets, {
    onHead: () => undefined,
    onData: (chunk) => told.push(chunk),
    onEnd: () => told.push(Buffer.from('|')),
    onError: () => undefined,
  });
  events.onHead(status, {});
  for (const piece of PIECES) events.onData(piece);
  events.onEnd();
  return Buffer.concat(told).toString();
}

test('by callbacks', () => {
  expect(readByEvents(200, masks)).toBe('your key [redacted] is wrong|');
  expect(readByEvents(401, masks)).toBe('your key [redacted] is wrong|');
});

test('failures and answers are masked differently', () => {
  expect(readByEvents(200, { ...masks, ofAnswers: NONE })).toContain(SECRET);
  expect(readByEvents(401, { ...masks, ofAnswers: NONE })).not.toContain(SECRET);
});

test('as a stream', async () => {
  expect(await text(maskReadable(masks, Readable.from(PIECES, { objectMode: false })))).toBe(
    'your key [redacted] is wrong',
  );
  const body = Readable.from(PIECES);
  expect(maskReadable({ ofAnswers: NONE }, body)).toBe(body);
});
