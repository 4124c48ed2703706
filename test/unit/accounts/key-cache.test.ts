// Symptom: with PostgreSQL behind a dead network every request of a known key took 5 to 30 s, once its key had been in memory
// for a minute. Cause: the cache asked SQL before it used its own entry, and forgot that SQL had failed. Fix: a known key is
// used at once and read again in the background; only after a change it is read before it is used.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type ApiKey, DEFAULT_KEY_SETTINGS, hashSecret } from '#src/accounts/api-key.ts';
import { createKeyCache, type KeyCache } from '#src/accounts/key-cache.ts';

const KEY: ApiKey = {
  id: 'key_1',
  name: 'known',
  hint: '…',
  settings: DEFAULT_KEY_SETTINGS,
  createdAtMs: 0,
  revokedAtMs: null,
  projectId: null,
  secretUntilMs: null,
  formerUntilMs: null,
  above: [],
  credits: null,
};

type Database = 'answers' | 'fails' | 'is silent';
let database: Database;
let rows: Map<string, ApiKey>;
let queries: number;
let errors: Error[];
let cache: KeyCache;

beforeEach(() => {
  vi.useFakeTimers();
  database = 'answers';
  rows = new Map([[hashSecret('known'), KEY]]);
  queries = 0;
  errors = [];
  const findByHash = async (hash: string) => {
    queries += 1;
    const row = rows.get(hash) ?? null;
    await Promise.resolve();
    if (database === 'fails') throw new Error('no connection');
    return database === 'answers' ? row : new Promise<null>(() => undefined);
  };
  cache = createKeyCache({ findByHash }, (error) => errors.push(error));
});
afterEach(() => {
  vi.useRealTimers();
});

const revoke = () => rows.set(hashSecret('known'), { ...KEY, revokedAtMs: 1 });
/** Finds without any time passing. */
const findAtOnce = async () => {
  let found: ApiKey | null | 'still waiting' = 'still waiting';
  void cache.find('known').then((key) => {
    found = key;
  });
  await vi.advanceTimersByTimeAsync(0);
  return found as ApiKey | null | 'still waiting';
};

test('a key is read once a minute', async () => {
  for (let second = 0; second < 59; second += 1) {
    expect(await cache.find('known')).toEqual(KEY);
    vi.advanceTimersByTime(1_000);
  }
  expect(queries).toBe(1);
  vi.advanceTimersByTime(2_000);
  await cache.find('known');
  expect(queries).toBe(2);
});

test.each<Database>(['fails', 'is silent'])('a known key is used at once while the database %s', async (state) => {
  await cache.find('known');
  database = state;
  vi.advanceTimersByTime(61_000);
  for (let call = 0; call < 5; call += 1) expect(await findAtOnce()).toEqual(KEY);
  expect(queries).toBe(2);
});

test('a failing database is asked again only after some time', async () => {
  await cache.find('known');
  database = 'fails';
  await vi.advanceTimersByTimeAsync(61_000);
  for (let second = 0; second < 4; second += 1) {
    expect(await findAtOnce()).toEqual(KEY);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(queries).toBe(2);
  expect(errors).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2_000);
  await findAtOnce();
  expect(queries).toBe(3);
});

test('after a change a key is read before it is used', async () => {
  await cache.find('known');
  revoke();
  cache.doubtAll();
  expect(await cache.find('known')).toBeNull();
});

test('a read that started before the change is discarded', async () => {
  const before = cache.find('known');
  revoke();
  cache.doubtAll();
  expect(await cache.find('known')).toBeNull();
  await before;
  expect(await cache.find('known')).toBeNull();
});

test('after a change, with a silent database, one request waits briefly; the known value stays in use', async () => {
  await cache.find('known');
  database = 'is silent';
  cache.doubtAll();
  expect(await findAtOnce()).toBe('still waiting');
  await vi.advanceTimersByTimeAsync(1_500);
  expect(await findAtOnce()).toEqual(KEY);
});

test('an unknown key is refused in time when the database is silent', async () => {
  database = 'is silent';
  const refused = expect(cache.find('stranger')).rejects.toThrow('did not answer');
  await vi.advanceTimersByTimeAsync(1_500);
  await refused;
});

test('a key created after a failed attempt works at the next lookup', async () => {
  expect(await cache.find('new')).toBeNull();
  rows.set(hashSecret('new'), KEY);
  vi.advanceTimersByTime(61_000);
  expect(await cache.find('new')).toEqual(KEY);
});
