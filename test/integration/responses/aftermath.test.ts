// The consequences of a request's outcome if its response is stored, with a real Redis and a real SQLite: exactly once, despite
// repetitions, and in any order of frames and ledger entries.
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { requestOutcome } from '#src/ledger/books.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { parseCarried } from '#src/protocols/wire/exact-json.ts';
import { createPublisher, type ReplyWriter } from '#src/reply/publisher.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore, type RequestStore } from '#src/reply/request-store.ts';
import {
  type ConversationLock,
  createConversationLock,
  createConversationStore,
} from '#src/responses/conversations.ts';
import { expandBody, responseIdOf } from '#src/responses/items.ts';
import { createResponseStore, outputOf, type ResponseStore } from '#src/responses/response-store.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { RowRefused } from '#src/storage/refused-rows.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { helloEvents, responseSpec, writeEvents } from '#test/support/response-spec.ts';
import { createAftermath } from '#workers/support/aftermath.ts';

const keyspace = createKeyspace('test');
let redis: TestRedis;
let database: Database;
let store: RequestStore;
let responses: ResponseStore;
let lock: ConversationLock;
let log: string[];

/** What was abandoned: request, part, reason. */
let setAside: string[][];

beforeAll(async () => {
  redis = await startTestRedis();
  database = await openDatabase('sqlite::memory:', () => undefined);
  store = createRequestStore(redis.client, keyspace);
  responses = createResponseStore(database);
  lock = createConversationLock(redis.client, keyspace);
});
afterAll(async () => {
  await database.destroy();
  await redis.stop();
});

function aftermath(change: { responses?: ResponseStore; maxAnswerBytes?: number } = {}) {
  log = [];
  const logger = pino({ base: null }, { write: (line: string) => void log.push(line) });
  const replyLog = createReplyLog(redis.client, keyspace);
  setAside = [];
  const follow = createAftermath({
    database,
    responses,
    store,
    replyLog,
    lock,
    maxAnswerBytes: 1_000_000,
    logger,
    ...change,
  });
  return (messages: readonly LedgerMessage[]) =>
    follow(messages, async ({ request }, part, { message }) => void setAside.push([request!.requestId, part, message]));
}

const BODY = JSON.stringify({
  model: 'm',
  input: [
    { role: 'user', content: 'before' },
    { role: 'user', content: 'now' },
  ],
});

async function begin(spec: RequestSpec): Promise<ReplyWriter> {
  await store.accept(spec, Buffer.from(BODY), 60_000);
  const claimed = await store.claim(spec.requestId, 0, 'worker_a', 60_000);
  if (claimed.kind !== 'claimed') throw new Error(claimed.kind);
  const { grant, hasAnswered } = claimed.claim;
  const publisher = createPublisher(redis.client, keyspace, () => undefined);
  const { retentionMs } = spec;
  return publisher.open({ spec, grant, hasAnswered, retentionMs, keepsBody: true, onRefused: () => undefined });
}

async function answer(spec: RequestSpec): Promise<void> {
  const writer = await begin(spec);
  writer.head({ status: 200, headers: {}, isWhole: false });
  writer.event(writeEvents(helloEvents(responseIdOf(spec.requestId))));
  writer.end('ok');
  await writer.settled();
}

function messageOf(spec: RequestSpec, outcome = 'ok'): LedgerMessage {
  const end = { outcome, answeredBy: null, attempts: 1, cost: 0n, timeline: [], finishedAtMs: Date.now() };
  return { request: requestOutcome(spec, end) };
}

const eventsOf = async (subject: string) => {
  const rows = await database.selectFrom('events_outbox').selectAll().where('subject_id', '=', subject).execute();
  return rows.map((row) => row.type);
};

describe('the response of a request that has ended', () => {
  test('is written with its conversation’s items and its event, once', async () => {
    const conversations = createConversationStore(database);
    const { id: conversationId } = await conversations.create('key_1', {}, []);
    const spec = responseSpec({ isBackground: true, conversationId, recalledItems: 1 });
    await lock.take(conversationId, spec);
    await answer(spec);
    const follow = aftermath();
    for (let time = 0; time < 3; time++) await follow([messageOf(spec)]);
    const id = responseIdOf(spec.requestId);
    expect(await responses.find(id, 'key_1')).toMatchObject({ id, status: 'completed', isBackground: true });
    const items = await conversations.allItems(conversationId);
    expect(items.map((item) => item.content)).toEqual(['now', [expect.objectContaining({ text: 'Hello there' })]]);
    expect(await eventsOf(id)).toEqual(['response.completed']);
    expect(await lock.take(conversationId, responseSpec())).toBeNull();
    expect(await store.readBody(spec.requestId)).toBeNull();
  });

  test('waits for its last frame, which may arrive after it was settled', async () => {
    const spec = responseSpec();
    const writer = await begin(spec);
    const following = aftermath()([messageOf(spec)]);
    writer.head({ status: 200, headers: {}, isWhole: false });
    writer.event(writeEvents(helloEvents()));
    writer.end('ok');
    await following;
    expect(await responses.find(responseIdOf(spec.requestId), 'key_1')).toMatchObject({ status: 'completed' });
  });

  test('is retried when SQL fails, with everything still there', async () => {
    const spec = responseSpec({ isBackground: true });
    await answer(spec);
    const refusing: ResponseStore = { ...responses, insert: () => Promise.reject(new Error('SQL is away')) };
    const message = messageOf(spec);
    expect(await aftermath({ responses: refusing })([message])).toEqual(new Set([message]));
    await aftermath()([messageOf(spec)]);
    expect(await responses.find(responseIdOf(spec.requestId), 'key_1')).toMatchObject({ status: 'completed' });
  });

  test('is given up in the end, so that it does not delay the ledger', async () => {
    const spec = responseSpec();
    await answer(spec);
    const refusing: ResponseStore = { ...responses, insert: () => Promise.reject(new Error('never')) };
    const follow = aftermath({ responses: refusing });
    let tries = 1;
    while ((await follow([messageOf(spec)])).size > 0) tries += 1;
    expect(tries).toBe(20);
    expect(log.join()).toContain('a response could not be stored');
    expect(setAside).toEqual([[spec.requestId, 'response', 'never']]);
  });

  test('is set aside at once when SQL refuses it, and its conversation continues', async () => {
    const { id: conversationId } = await createConversationStore(database).create('key_1', {}, []);
    const spec = responseSpec({ conversationId, recalledItems: 1 });
    await lock.take(conversationId, spec);
    await answer(spec);
    const refusing: ResponseStore = { ...responses, insert: () => Promise.reject(new RowRefused('a bad row')) };
    expect(await aftermath({ responses: refusing })([messageOf(spec)])).toEqual(new Set());
    expect(setAside).toEqual([[spec.requestId, 'response', 'a bad row']]);
    expect(await lock.take(conversationId, responseSpec())).toBeNull();
  });

  test('is given up at once when it is too large', async () => {
    const spec = responseSpec();
    await answer(spec);
    await aftermath({ maxAnswerBytes: 10 })([messageOf(spec)]);
    expect(log.join()).toContain('larger than 10 bytes');
  });

  test('that failed is stored only if no client waited for it', async () => {
    for (const isBackground of [true, false]) {
      const spec = responseSpec({ isBackground });
      const writer = await begin(spec);
      writer.fail(createFailure('upstream_server_error', 'It broke.'));
      await writer.settled();
      await aftermath()([messageOf(spec, 'upstream_server_error')]);
      const id = responseIdOf(spec.requestId);
      const kept = await responses.find(id, 'key_1');
      expect(kept).toEqual(isBackground ? expect.objectContaining({ status: 'failed' }) : null);
      expect(await eventsOf(id)).toEqual(isBackground ? ['response.failed'] : []);
    }
  });

  test('of which nothing is left is skipped', async () => {
    const spec = responseSpec();
    await aftermath()([messageOf(spec, 'request_cancelled')]);
    expect(log).toEqual([]);
    await aftermath()([messageOf(spec)]);
    expect(log.join()).toContain('a response was lost with Redis');
  });
});

describe('a request without a waiting client', () => {
  test.each([
    ['ok', 'request.completed'],
    ['upstream_server_error', 'request.failed'],
    ['request_cancelled', 'request.cancelled'],
  ])('that ended with %s is reported once as %s', async (outcome, type) => {
    const { response: _, ...spec } = responseSpec({}, { isAnnounced: true });
    const follow = aftermath();
    for (let time = 0; time < 2; time++) await follow([messageOf(spec, outcome)]);
    expect(await eventsOf(spec.requestId)).toEqual([type]);
  });

  test('others are not reported', async () => {
    const { response: _, ...spec } = responseSpec();
    const message = messageOf(spec);
    expect(message.request).not.toHaveProperty('aftermath');
    await aftermath()([message]);
    expect(await eventsOf(spec.requestId)).toEqual([]);
  });
});

describe('the lock of a conversation', () => {
  test('is held by one request, and released or taken over only by its owner', async () => {
    const [first, second, third] = [responseSpec(), responseSpec(), responseSpec()];
    expect(await lock.take('conv_1', first)).toBeNull();
    // The same command, sent again after a lost connection.
    expect(await lock.take('conv_1', first)).toBeNull();
    expect(await lock.take('conv_1', second)).toEqual({ requestId: first.requestId, acceptedAtMs: first.acceptedAtMs });
    await lock.release('conv_1', second);
    expect(await lock.take('conv_1', second)).not.toBeNull();
    expect(await lock.takeOver('conv_1', first, second)).toBe(true);
    expect(await lock.takeOver('conv_1', first, third)).toBe(false);
    await lock.release('conv_1', second);
    expect(await lock.take('conv_1', third)).toBeNull();
  });
});

test('items keep the exact digits of numbers in responses, in conversations, and in the next request', async () => {
  const json = '{"type":"function_call_output","call_id":"c","output":[{"n":2512292042121000001,"price":1.0}]}';
  const item = parseCarried(json) as JsonObject;
  const conversations = createConversationStore(database);
  const { id } = await conversations.create('key_1', {}, [item]);
  const recalled = await conversations.allItems(id);
  const body = expandBody(Buffer.from('{"model":"m","input":"hi"}'), { recalled, replaced: null });
  expect(body.toString()).toContain(json);
  expect(JSON.stringify(outputOf(`{"output":[${json}]}`))).toBe(`[${json}]`);
});
