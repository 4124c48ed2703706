// The logs of `sluice start` are bounded, even while other processes have them open.
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { rotateIfLarge } from '#src/cli/child-processes.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-logs-'));
  path = join(directory, 'api.log');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a small log is unchanged', () => {
  appendFileSync(path, 'line\n');
  rotateIfLarge(path, 100);
  expect(readFileSync(path, 'utf8')).toBe('line\n');
  expect(existsSync(`${path}.1`)).toBe(false);
});

test('a process with an open large log continues at the start of the new one', () => {
  const held = openSync(path, 'a');
  writeSync(held, 'before\n'.repeat(100));
  rotateIfLarge(path, 100);
  writeSync(held, 'after\n');
  closeSync(held);
  expect(readFileSync(path, 'utf8')).toBe('after\n');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('before\n'.repeat(100));
});

test('three earlier ones are kept', () => {
  for (let round = 1; round <= 6; round++) {
    appendFileSync(path, `${round}`.repeat(101));
    rotateIfLarge(path, 100);
  }
  const kept = [1, 2, 3].map((age) => readFileSync(`${path}.${age}`, 'utf8')[0]);
  expect(kept).toEqual(['6', '5', '4']);
  expect([existsSync(`${path}.4`), statSync(path).size]).toEqual([false, 0]);
});
