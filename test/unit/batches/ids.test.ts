import { expect, test } from 'vitest';
import { createIdSet } from '#src/batches/validate-lines.ts';
import { lineRequestId, MAX_BATCH_LINES, MAX_LINE_TRIES } from '#src/contracts/batch.ts';
import { createSortableId, isRequestId, shardOf } from '#src/contracts/ids.ts';

test('a set of ids finds every repetition and nothing else', () => {
  const ids = createIdSet();
  for (let i = 0; i < 200_000; i++) expect(ids.add(`request-${i}`)).toBe(true);
  for (let i = 0; i < 200_000; i += 37) expect(ids.add(`request-${i}`)).toBe(false);
  expect(ids.size).toBe(200_000);
});

test('an attempt of a line has the same request id in every process', () => {
  const batch = `batch_${createSortableId()}`;
  expect(lineRequestId(batch, 7, 1, 4)).toBe(lineRequestId(batch, 7, 1, 4));
  const ids = [1, 2, 3].flatMap((line) => [1, 2].map((tryNumber) => lineRequestId(batch, line, tryNumber, 4)));
  expect(new Set(ids).size).toBe(6);
  expect(ids.every(isRequestId)).toBe(true);
  expect(shardOf(lineRequestId(batch, 6, 1, 4))).toBe(2);
  expect(isRequestId(lineRequestId(`msg${batch}`, MAX_BATCH_LINES, MAX_LINE_TRIES, 32))).toBe(true);
});
