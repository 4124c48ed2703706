import { LRUCache } from 'lru-cache';
import { expect, test } from 'vitest';
import { atMost } from '#src/contracts/cache-size.ts';

test('a cache keeps its maximum of entries, and drops the least recently used', () => {
  const cache = new LRUCache<string, number>(atMost(3));
  for (const [index, name] of ['a', 'b', 'c'].entries()) cache.set(name, index);
  cache.get('a');
  cache.set('d', 3);
  expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
  for (let index = 0; index < 1_000; index++) cache.set(String(index), index);
  expect(cache.size).toBe(3);
});
