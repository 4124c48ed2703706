// Lines that need room, and those that are at a provider.
import { beforeEach, expect, test } from 'vitest';
import { OpenLines } from '#workers/batches/open-lines.ts';

let lines: OpenLines;

beforeEach(() => {
  lines = new OpenLines();
  for (let number = 1; number <= 4; number++) lines.add({ number, offset: number * 10, length: 10 });
});

test('lines at a provider need no room, but are open', () => {
  lines.park([2, 3]);
  lines.park([3]);
  expect(lines).toMatchObject({ size: 4, here: 2, parked: 2, bytes: 20 });
  expect(lines.list().map(({ number }) => number)).toEqual([1, 2, 3, 4]);
});

test('returned lines need room when they are started again, in order', () => {
  lines.park([1, 2, 3]);
  lines.return([3, 1, 2]);
  expect(lines).toMatchObject({ here: 1, parked: 3, bytes: 10 });
  expect(lines.takeReturned(2).map(({ number }) => number)).toEqual([3, 1]);
  expect(lines).toMatchObject({ here: 3, parked: 1, bytes: 30 });
  expect(lines.takeReturned(2).map(({ number }) => number)).toEqual([2]);
  expect(lines.takeReturned(2)).toEqual([]);
});

test('lines with a result are removed, wherever they were', () => {
  lines.park([2, 3]);
  lines.return([3]);
  for (const number of [1, 2, 3]) expect(lines.remove(number)).toBe(true);
  expect(lines.remove(3)).toBe(false);
  expect(lines).toMatchObject({ size: 1, here: 1, parked: 0, bytes: 10 });
  expect(lines.takeReturned(9)).toEqual([]);
});

test('only lines at a provider can be returned', () => {
  lines.return([1]);
  expect(lines.takeReturned(1)).toEqual([]);
});
