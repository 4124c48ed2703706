// Which lines share a chunk, and when a chunk is handed over.
import { beforeEach, expect, test } from 'vitest';
import { type LineGroup, LinePacker } from '#workers/batches/native/line-packer.ts';
import type { NativeTarget } from '#workers/batches/native/native-line.ts';

let full: LineGroup[];
let packer: LinePacker;

beforeEach(() => {
  full = [];
  packer = new LinePacker({ lines: 3, bytes: 1_000 }, (group) => full.push(group));
});

function target(model: string, limits = { lines: 100, bytes: 10_000 }): NativeTarget {
  return { deployment: { id: 'vendor' }, upstreamModel: model, protocol: { limits } } as unknown as NativeTarget;
}

const line = (number: number, length = 10) => ({
  number,
  offset: number * 100,
  length,
  customId: `line-${number}`,
  body: Buffer.alloc(length),
  value: {},
});

const numbers = () => full.map(({ lines }) => lines.map(({ number }) => number));

test('a chunk is limited by its lines', () => {
  for (let number = 1; number <= 7; number++) packer.add(target('a'), line(number), 0);
  expect(numbers()).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test('a chunk is limited by its bytes', () => {
  packer.add(target('a'), line(1, 600), 0);
  packer.add(target('a'), line(2, 600), 0);
  expect(numbers()).toEqual([[1, 2]]);
});

test('the provider’s own limits apply if they are smaller', () => {
  packer.add(target('a', { lines: 1, bytes: 10_000 }), line(1), 0);
  packer.add(target('b', { lines: 10, bytes: 5 }), line(2), 0);
  expect(numbers()).toEqual([[1], [2]]);
});

test('models do not share a chunk', () => {
  for (let number = 1; number <= 4; number++) packer.add(target(number % 2 === 0 ? 'a' : 'b'), line(number), 0);
  packer.flushDue(1_000);
  expect(numbers()).toEqual([
    [1, 3],
    [2, 4],
  ]);
});

test('an incomplete chunk is sent when no line has arrived for a second', () => {
  packer.add(target('a'), line(1), 0);
  packer.add(target('a'), line(2), 900);
  packer.flushDue(1_800);
  expect(numbers()).toEqual([]);
  packer.flushDue(1_900);
  expect(numbers()).toEqual([[1, 2]]);
});

test('slowly arriving lines are held back for at most a minute', () => {
  packer.add(target('a'), line(1), 0);
  packer.add(target('a'), line(2), 59_900);
  packer.flushDue(60_000);
  expect(numbers()).toEqual([[1, 2]]);
});

test('all lines of a stopped batch are removed', () => {
  packer.add(target('a'), line(1), 0);
  packer.add(target('b'), line(2), 0);
  expect(packer.takeAll().map(({ customId }) => customId)).toEqual(['line-1', 'line-2']);
  packer.flushDue(100_000);
  expect(full).toEqual([]);
});
