// Guarded symptom: a request is handed to a worker that never gets the message (its process is frozen, its connection half
// dead), and no other process knows of it. Cause: the step that accepts a request hands it over by a message, and messages are
// not stored. Guarantee: its lease is not renewed, so it becomes a job for another worker; and a worker that is known to be
// frozen gets no requests.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const GHOST = 'worker_ghost';
/** Lease, two checks, and a slow machine. */
const TAKEOVER_MS = 20_000;
const keys = createKeyspace('sluice');
const FREE = keys.freeWorkers('primary-interactive', 'primary');

let providers: Providers;
let broker: TestBroker;
/** A worker that listens but does nothing. */
let ghost: RedisClient;
let heard = 0;

beforeAll(async () => {
  providers = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(providers) });
  ghost = await connectRedis({ kind: 'standalone', url: broker.redis.url }, 'subscriber', () => undefined);
  ghost.on('smessage', () => {
    heard += 1;
  });
  await ghost.ssubscribe(keys.handOff.channel + GHOST);
}, 60_000);
afterAll(async () => {
  disconnectRedis(ghost);
  await broker?.stop();
  await providers?.close();
});

test('a request costs two scripts: one accepts it and hands it over, one ends it', async () => {
  await ask(broker.url, { prompt: 'The first one.' });
  const scripts = async () => {
    const stats = await broker.redis.client.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const before = await scripts();
  const startedAtMs = performance.now();
  for (let index = 0; index < 40; index++) await ask(broker.url, { prompt: `Number ${index}.` });
  const seconds = (performance.now() - startedAtMs) / 1_000;
  // Both processes write some messages each second, and the ledger is acknowledged in batches.
  expect((await scripts()) - before).toBeLessThan(40 * 2 + 40 + 10 * seconds);
});

test('what the client received: its answer, from another worker', async () => {
  await broker.redis.client.set(keys.handOff.sign + GHOST, '1', 'PX', 60_000);
  await broker.redis.client.zadd(FREE, 1_000, GHOST);
  const asked = ask(broker.url, { prompt: 'Who has me?' });
  await waitFor('the ghost to be given it', () => heard === 1);
  // Handed to this worker only.
  await broker.redis.client.zrem(FREE, GHOST);
  const answer = await asked;
  expect(answer.status).toBe(200);
  expect(answer.durationMs).toBeLessThan(TAKEOVER_MS);
  expect(answer.headers['x-sluice-provider']).toBe('primary');
}, 40_000);

test('what was billed: the call that was made; the one whose end is unknown is estimated', async () => {
  await booksClosed(broker, 40_000);
  const rows = await ledgerRows(broker);
  const unsettled = rows.filter(({ state }) => state === 'unsettled');
  expect(unsettled.map(({ attempt }) => attempt)).toEqual([1]);
  expectLedgerEqualsBill(
    rows.filter(({ state }) => state !== 'unsettled'),
    providers,
  );
}, 60_000);

test('a worker whose heartbeat has expired gets nothing', async () => {
  await broker.redis.client.zadd(FREE, 1_000, GHOST);
  await broker.redis.client.unlink(keys.handOff.sign + GHOST);
  const answer = await ask(broker.url, { prompt: 'And I?' });
  expect(answer.status).toBe(200);
  expect(heard).toBe(1);
  expect(await broker.redis.client.zscore(FREE, GHOST)).toBeNull();
});

test('what happens to the next request: a body too large for a message is queued, and answered', async () => {
  const answer = await ask(broker.url, { prompt: 'long '.repeat(20_000) });
  expect(answer.status).toBe(200);
});
