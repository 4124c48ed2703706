// One suite for both SQL engines. Symptom: after a new SLUICE_API_KEY, the former one stayed valid.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hashSecret, hintOf } from '#src/accounts/api-key.ts';
import { CONFIGURED_KEY_NAME, checkKeyName, createKeyStore, type KeyStore } from '#src/accounts/key-store.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { describeOnEach, startSqlEngines } from '#test/support/sql-engines.ts';

const ENGINES = await startSqlEngines();

describeOnEach(ENGINES, ({ url }) => {
  let database: Database;
  let store: KeyStore;
  beforeAll(async () => {
    database = await openDatabase(url, () => undefined);
    store = createKeyStore(database);
  });
  afterAll(() => database.destroy());
  beforeEach(() => database.deleteFrom('api_keys').execute());

  const use = (secret: string) => store.replaceSecret(CONFIGURED_KEY_NAME, secret);
  const isValid = async (secret: string) => (await store.findByHash(hashSecret(secret)))?.revokedAtMs === null;

  test('a new secret replaces the previous one: the same key, one secret', async () => {
    const first = await use('first-secret-0123456789');
    const second = await use('second-secret-0123456789');
    expect(second).toMatchObject({ key: { id: first.key.id }, isChanged: true });
    expect(await isValid('first-secret-0123456789')).toBe(false);
    expect(await isValid('second-secret-0123456789')).toBe(true);
  });

  test('the same secret again changes nothing', async () => {
    const { key } = await use('first-secret-0123456789');
    expect(await use('first-secret-0123456789')).toMatchObject({ key: { id: key.id }, isChanged: false });
  });

  test('keys of that name that an earlier release left valid are revoked', async () => {
    await store.ensure(CONFIGURED_KEY_NAME, 'left-secret-0123456789');
    await store.ensure(CONFIGURED_KEY_NAME, 'also-secret-0123456789');
    await use('third-secret-0123456789');
    for (const left of ['left-secret-0123456789', 'also-secret-0123456789']) expect(await isValid(left)).toBe(false);
    expect(await isValid('third-secret-0123456789')).toBe(true);
  });

  test('a revoked key stays revoked; another secret creates a new key', async () => {
    const { key } = await use('first-secret-0123456789');
    await store.revoke(key.id);
    expect((await use('first-secret-0123456789')).key.revokedAtMs).not.toBeNull();
    const next = await use('second-secret-0123456789');
    expect(next.key.id).not.toBe(key.id);
    expect(await isValid('second-secret-0123456789')).toBe(true);
  });
});

test('no other key can use the name', () => {
  expect(() => checkKeyName(CONFIGURED_KEY_NAME)).toThrow(/use another name/);
  expect(() => checkKeyName('ci')).not.toThrow();
});

test.each([
  ['one of ours: its prefix and five digits', `sk-sluice-${'0123456789'.repeat(4)}`, 'sk-sluice-01234…'],
  ['a short one that somebody chose: a quarter', 'abcdefghijklmnop', 'abcd…'],
])('the hint of %s', (_name, secret, hint) => {
  expect(hintOf(secret)).toBe(hint);
});
