import { expect, test } from 'vitest';
import { createRequestId, createSortableId, isRequestId, shardOf } from '#src/contracts/ids.ts';

test('request ids contain their shard, are unique, and are valid in a BullMQ job id and a file name', () => {
  const ids = Array.from({ length: 5_000 }, () => createRequestId(16));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(isRequestId(id)).toBe(true);
    expect(id).toMatch(/^[a-z0-9_]+$/);
    expect(shardOf(id)).toBeLessThan(16);
  }
  expect(new Set(ids.map(shardOf)).size).toBe(16);
});

test('with one shard every request is in it', () => {
  expect(shardOf(createRequestId(1))).toBe(0);
});

test('ids sort by time', () => {
  expect(createSortableId(1_000) < createSortableId(1_001)).toBe(true);
  expect(createSortableId(Date.UTC(2026, 0)) < createSortableId(Date.UTC(2126, 0))).toBe(true);
});

test.each(['', 'req_', 'req_0', 'chatcmpl-1', `req_i${'0'.repeat(24)}`, `req_0${'0'.repeat(23)}`])(
  '%j is not a request id',
  (text) => {
    expect(isRequestId(text)).toBe(false);
    expect(() => shardOf(text)).toThrow(TypeError);
  },
);
