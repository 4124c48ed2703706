import { describe, expect, test } from 'vitest';
import { FIRST_LINE, LineReader } from '#src/batches/input-lines.ts';

const readerOf = (text: string | Buffer, from = FIRST_LINE, maxLineBytes = 4 * 1024 * 1024) => {
  const bytes = Buffer.from(text);
  return new LineReader(async (offset, length) => bytes.subarray(offset, offset + length), from, maxLineBytes);
};

async function readAll(reader: LineReader, limit = 100) {
  const lines = [];
  for (;;) {
    const page = await reader.next(limit);
    if (page.length === 0) return lines;
    lines.push(...page.map(({ number, offset, bytes }) => [number, offset, bytes?.toString() ?? null]));
  }
}

describe('lines with their numbers and offsets', () => {
  test.each([
    ['of an empty file', '', []],
    [
      'with and without a last line end',
      'a\nb',
      [
        [1, 0, 'a'],
        [2, 2, 'b'],
      ],
    ],
    [
      'counting blank ones',
      'a\n\n \t\r\nb\n',
      [
        [1, 0, 'a'],
        [4, 7, 'b'],
      ],
    ],
    [
      'behind a byte order mark',
      '\uFEFFa\nb',
      [
        [1, 0, 'a'],
        [2, 5, 'b'],
      ],
    ],
  ])('%s', async (_name, text, lines) => {
    expect(await readAll(readerOf(text))).toEqual(lines);
  });

  test('in a file of several chunks, in pages of any size', async () => {
    const text = Array.from({ length: 60_000 }, (_, index) => `${index} ${'x'.repeat(index % 97)}`);
    const read = await readAll(readerOf(text.join('\n')), 777);
    expect(read.map(([, , line]) => line)).toEqual(text);
  });

  test('of lines longer than a chunk', async () => {
    const long = 'y'.repeat(3_000_000);
    expect((await readAll(readerOf(`a\n${long}\nb`))).map(([number, , line]) => [number, String(line).length])).toEqual(
      [
        [1, 1],
        [2, 3_000_000],
        [3, 1],
      ],
    );
  });

  test.each([1_500_000, 5_000_000, 1_048_576])(
    'with a line too long by %i bytes: it is skipped, the next one is read',
    async (bytes) => {
      const read = await readAll(readerOf(`a\n${'y'.repeat(bytes)}\nb\nc`, FIRST_LINE, 1_000_000));
      expect(read).toEqual([
        [1, 0, 'a'],
        [2, 2, null],
        [3, bytes + 3, 'b'],
        [4, bytes + 5, 'c'],
      ]);
    },
  );

  test('with a last line that is too long', async () => {
    expect(await readAll(readerOf(`a\n${'y'.repeat(2_500_000)}`, FIRST_LINE, 10))).toEqual([
      [1, 0, 'a'],
      [2, 2, null],
    ]);
  });
});

test('with a second reader that continues at the position of the first', async () => {
  const text = Array.from({ length: 50 }, (_, index) => `line ${index}`).join('\n');
  const first = readerOf(text);
  await first.next(20);
  const rest = await readAll(readerOf(text, first.place));
  expect(rest[0]).toEqual([21, text.indexOf('line 20'), 'line 20']);
  expect(rest).toHaveLength(30);
});
