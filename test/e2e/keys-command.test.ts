// `sluice keys`: what it writes down of a key.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSluice } from '#test/support/sluice-command.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-keys-'));
  writeFileSync(join(directory, 'sluice.yaml'), '{}\n');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const keys = (...args: string[]) =>
  startSluice(['keys', ...args], directory, { SLUICE_DATA: join(directory, 'data') }).ended;

test('a key has the weight in the batch lane that it was given', async () => {
  expect(await keys('create', 'heavy', '--batch-weight', '2.5', '--json')).toMatchObject({ code: 0 });
  expect(await keys('create', 'plain', '--json')).toMatchObject({ code: 0 });
  const listed = JSON.parse((await keys('list', '--json')).stdout) as { name: string; settings: object }[];
  expect(Object.fromEntries(listed.map(({ name, settings }) => [name, settings]))).toMatchObject({
    heavy: { batchWeight: 2.5 },
    plain: { batchWeight: 1 },
  });
});

test.each(['0', '-1', 'much', '1001'])('the weight %s is refused', async (weight) => {
  const { code, stderr } = await keys('create', 'odd', '--batch-weight', weight);
  expect(code).not.toBe(0);
  expect(stderr).toContain('must be a number above 0, up to 1000.');
});
