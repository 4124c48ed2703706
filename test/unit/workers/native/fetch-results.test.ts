// Lines of a result file, however the bytes come.
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { splitLines } from '#workers/batches/native/provider-client.ts';

async function split(pieces: readonly string[], maxLineBytes = 100): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(pieces.map((piece) => Buffer.from(piece)));
  for await (const line of splitLines(stream, maxLineBytes)) lines.push(line.toString());
  return lines;
}

test.each([
  ['whole lines', ['one\ntwo\n'], ['one', 'two']],
  ['lines in pieces', ['o', 'ne\nt', 'wo', '\n'], ['one', 'two']],
  ['no end of line at the end', ['one\ntwo'], ['one', 'two']],
  ['empty lines', ['\n\none\n\n'], ['one']],
  ['nothing', [''], []],
])('%s', async (_, pieces, lines) => {
  expect(await split(pieces)).toEqual(lines);
});

test('a line that is too long is left out, and those around it are not', async () => {
  expect(await split(['ok\n', 'x'.repeat(8), 'y'.repeat(8), '\n', 'fine\n'], 10)).toEqual(['ok', 'fine']);
});

test('bytes are not read as text: a character may be split between pieces', async () => {
  const bytes = Buffer.from('ä\n');
  const lines: Buffer[] = [];
  for await (const line of splitLines(Readable.from([bytes.subarray(0, 1), bytes.subarray(1)]), 10)) lines.push(line);
  expect(lines.map(String)).toEqual(['ä']);
});
