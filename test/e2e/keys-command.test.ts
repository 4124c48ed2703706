// `sluice keys`: what it writes down of a key.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdminKeyStore } from '#src/accounts/admin-key-store.ts';
import { openDatabase } from '#src/storage/database.ts';
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

test('what the command does is in the audit log, with who, before and after', async () => {
  const { id } = JSON.parse((await keys('create', 'watched', '--rpm', '5', '--json')).stdout) as { id: string };
  await keys('rotate', id, '--keep', '1', '--json');
  await keys('revoke', id);
  expect(await keys('create', 'lost', '--project', 'proj_none')).toMatchObject({ code: 1 });
  const database = await openDatabase(`sqlite:${join(directory, 'data/sluice.db')}`, () => undefined);
  const log = await createAdminKeyStore(database).audit({ limit: 10, actor: 'command line' });
  await database.destroy();
  expect(log.map(({ method, path }) => `${method} ${path}`)).toEqual([
    `DELETE /admin/keys/${id}`,
    `POST /admin/keys/${id}/rotate`,
    'POST /admin/keys',
  ]);
  expect(JSON.parse(log[0]!.before!)).toMatchObject({ name: 'watched', limits: { rpm: 5 }, revoked_at: null });
  expect(JSON.parse(log[0]!.after!).revoked_at).not.toBeNull();
  expect(JSON.stringify(log)).not.toMatch(/sk-sluice-[0-9a-f]{10}/);
});

test.each(['0', '-1', 'much', '1001'])('the weight %s is refused', async (weight) => {
  const { code, stderr } = await keys('create', 'odd', '--batch-weight', weight);
  expect(code).not.toBe(0);
  expect(stderr).toContain('must be a number above 0, up to 1000.');
});
