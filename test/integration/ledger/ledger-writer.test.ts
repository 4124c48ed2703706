import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import type { LedgerStore } from '#src/ledger/ledger-store.ts';
import { createLedgerReader, createLedgerStream, type LedgerStream } from '#src/ledger/ledger-stream.ts';
import { type LedgerWriter, startLedgerWriter } from '#src/ledger/ledger-writer.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const keyspace = createKeyspace('test');
let server: TestRedis;
let connection: RedisClient;
let stream: LedgerStream;
let writer: LedgerWriter | null = null;
/** Request ids in the order in which SQL had them. */
let written: string[];
/** Every call of what follows: the request ids in it. */
let followed: string[][];

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.stop());
beforeEach(async () => {
  await server.client.flushall();
  connection = await connectRedis({ kind: 'standalone', url: server.url }, 'consumer', () => undefined);
  stream = createLedgerStream(server.client, keyspace);
  written = [];
  followed = [];
});
afterEach(async () => {
  await writer?.stop();
  writer = null;
  disconnectRedis(connection);
});

const idsOf = (messages: readonly LedgerMessage[]) => messages.map(({ request }) => request!.requestId);
const add = (requestId: string) => stream.append(JSON.stringify({ request: { requestId } }));
/** Of each reader: name, unfinished messages, how long it has been silent. */
async function readerStates(): Promise<[name: string, pending: number, idleMs: number][]> {
  const consumers = await server.client.xinfo('CONSUMERS', keyspace.ledgerStream, 'writers');
  return (consumers as (string | number)[][]).map((fields) => [
    String(fields[1]),
    Number(fields[3]),
    Number(fields[5]),
  ]);
}
const readers = async () => (await readerStates()).map(([name]) => name).sort();

/** @param isRefused what cannot be followed yet. */
async function start(isRefused: (requestId: string) => boolean): Promise<void> {
  writer = startLedgerWriter({
    reader: await createLedgerReader(connection, keyspace, 'writer_a'),
    store: {
      batchMessages: 256,
      insert: async (messages) => void written.push(...idsOf(messages)),
    } satisfies LedgerStore,
    setAside: async (_message, _part, error) => expect.unreachable(error.message),
    onError: (error) => expect.unreachable(error.message),
    onOutcomes: async (messages) => {
      followed.push(idsOf(messages));
      return new Set(messages.filter(({ request }) => isRefused(request!.requestId)));
    },
  });
}

// Symptom: one response that could not be written made up to 256 messages of the same batch return up to 20 times, and
// delayed everything after them. Cause: the batch was acknowledged as a whole. Fix: only unfinished messages stay.
describe('an outcome whose follow-up fails', () => {
  test('is retried alone and does not delay others', async () => {
    let isReady = false;
    for (const id of ['a', 'bad', 'c']) await add(id);
    await start((id) => id === 'bad' && !isReady);
    await waitFor('it to come again', () => followed.length >= 3);
    await add('later');
    await waitFor('what came later', () => written.includes('later'));
    expect(await stream.length()).toBe(1);
    isReady = true;
    await waitFor('it to be done', async () => (await stream.length()) === 0);
    expect(followed[0]).toEqual(['a', 'bad', 'c']);
    expect(followed.flat().filter((id) => id !== 'bad')).toEqual(['a', 'c', 'later']);
  });

  test('is taken over by another writer when its own stops', async () => {
    await add('bad');
    await start(() => true);
    await waitFor('it to be tried', () => followed.length > 0);
    await writer!.stop();
    writer = null;
    expect(await readers()).toEqual(['writer_a']);
    expect(await stream.length()).toBe(1);
  });
});

// Symptom: XINFO listed every worker process that had ever run. Cause: a reader has a new name at each start, and old ones
// were never deleted. Fix: a reader deletes itself when it stops; the others delete those that could not.
describe('a reader that has ended', () => {
  test('is removed when it stops', async () => {
    await add('a');
    await start(() => false);
    await waitFor('the message', () => written.length === 1);
    expect(await readers()).toEqual(['writer_a']);
    await writer!.stop();
    writer = null;
    expect(await readers()).toEqual([]);
  });

  test('is removed by another one if it was killed, unless it left messages', async () => {
    const dead = await createLedgerReader(connection, keyspace, 'dead');
    const deadWithWork = await createLedgerReader(connection, keyspace, 'dead_with_work');
    await add('a');
    await dead.acknowledge((await dead.read(10, 1)).map(({ id }) => id));
    await add('b');
    await deadWithWork.read(10, 1);
    await waitFor('both to be silent', async () => (await readerStates()).every(([, , idleMs]) => idleMs > 20));
    const reader = await createLedgerReader(connection, keyspace, 'alive', 20);
    await reader.read(10, 1);
    expect(await readers()).toEqual(['alive', 'dead_with_work']);
  });
});

// Symptom: after XDEL of a message that a writer had not stored yet, nothing more was written, even after restarts. Cause:
// Redis returns such a message without its fields, at every read. Fix: it is acknowledged.
describe('a message that an operator deleted', () => {
  test.each([1, 3])('while its reader had it does not stop the others (%i deleted of 3)', async (count) => {
    for (const id of ['a', 'b', 'c']) await add(id);
    const before = await createLedgerReader(connection, keyspace, 'writer_a');
    const taken = await before.read(10, 1);
    for (const { id } of taken.slice(0, count)) await server.client.xdel(keyspace.ledgerStream, id);
    await add('later');
    await start(() => false);
    await waitFor('what came later', () => written.includes('later'));
    expect(written).toEqual([...['a', 'b', 'c'].slice(count), 'later']);
    await waitFor('nothing to be unfinished', async () => (await readerStates()).every(([, pending]) => pending === 0));
  });
});
