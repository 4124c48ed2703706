import { expect, test } from 'vitest';
import { listDropped } from '#workers/inference/answer-headers.ts';

test('names of dropped fields form a list', () => {
  expect(listDropped(['logit_bias', 'seed'])).toBe('logit_bias, seed');
});

test('their bytes are valid in a header', () => {
  expect(listDropped(['a\r\nb: c', 'ä,é'])).toBe('a??b:?c, ???');
});

test('their length is bounded, however many fields a client sends', () => {
  const names = Array.from({ length: 5_000 }, (_, index) => `member_${index}`);
  const list = listDropped(names);
  expect(list.length).toBeLessThan(1_030);
  const [, shown, left] = /^(member_0, .*member_(?:\d+)), and (\d+) more$/.exec(list)!;
  expect(shown!.split(', ').length + Number(left)).toBe(names.length);
  expect(listDropped(['x'.repeat(100_000)])).toHaveLength(100);
});
