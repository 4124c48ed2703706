// Lists of single tests are right: the tests that may be retried exist, each with its reason, and the list stays short.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LONGEST } from '#test/support/order.ts';
import { ROOT } from '#test/support/processes.ts';
import { RETRIED } from '#test/support/retried.ts';

const MOST = 6;

test('every listed test exists', () => {
  const missing = RETRIED.filter(({ file, title }) => {
    const path = join(ROOT, file);
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(`test('${title}'`);
  });
  expect(missing).toEqual([]);
});

test('each has a reason, and the list is short', () => {
  expect(RETRIED.filter(({ reason }) => reason.length < 20)).toEqual([]);
  expect(RETRIED.length).toBeLessThanOrEqual(MOST);
});

test('the files that run first exist', () => {
  expect(LONGEST.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});
