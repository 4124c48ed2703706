import { expect, test } from 'vitest';
import { readByteRange } from '#src/api/describe/byte-range.ts';

test.each<[string, Record<string, string>, ReturnType<typeof readByteRange>]>([
  ['nothing', {}, null],
  ['from a place on', { range: 'bytes=4-' }, { from: 4, to: 10 }],
  ['between two places', { range: 'bytes=4-6' }, { from: 4, to: 7 }],
  ['beyond the end', { range: 'bytes=4-99' }, { from: 4, to: 10 }],
  ['the last ones', { range: 'bytes=-3' }, { from: 7, to: 10 }],
  ['more last ones than there are', { range: 'bytes=-30' }, { from: 0, to: 10 }],
  ['after the end', { range: 'bytes=10-' }, 'unsatisfiable'],
  ['none of the last ones', { range: 'bytes=-0' }, 'unsatisfiable'],
  ['backwards', { range: 'bytes=6-4' }, null],
  ['several ranges', { range: 'bytes=0-1,4-5' }, null],
  ['another unit', { range: 'lines=0-1' }, null],
  ['no numbers', { range: 'bytes=-' }, null],
  ['of this file', { range: 'bytes=4-', 'if-range': '"a"' }, { from: 4, to: 10 }],
  ['of another file', { range: 'bytes=4-', 'if-range': '"b"' }, null],
])('%s', (_name, headers, range) => {
  expect(readByteRange(headers, '"a"', 10)).toEqual(range);
});
