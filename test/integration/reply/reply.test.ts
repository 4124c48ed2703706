import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Frame } from '#src/contracts/frame.ts';
import { createRequestId } from '#src/contracts/ids.ts';
import { CONTRACT_VERSION, NO_PROGRESS, type RequestSpec } from '#src/contracts/request-record.ts';
import type { Claim } from '#src/reply/claim.ts';
import { createPublisher, type Publisher, type ReplyWriter } from '#src/reply/publisher.ts';
import { createReplyLog } from '#src/reply/reply-log.ts';
import { createRequestStore, type RequestStore } from '#src/reply/request-store.ts';
import { createReplySubscriber, type ReplySubscriber } from '#src/reply/subscriber.ts';
import { createWorkerLiveness } from '#src/reply/worker-liveness.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '#src/storage/redis.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

const keyspace = createKeyspace('test');
const INBOX = 'api_test';
let server: TestRedis;
let worker: RedisClient;
let api: RedisClient;
let store: RequestStore;
let publisher: Publisher;
let subscriber: ReplySubscriber;
let repaired = 0;

beforeAll(async () => {
  server = await startTestRedis();
  const address = { kind: 'standalone', url: server.url } as const;
  const ignore = () => undefined;
  worker = await connectRedis(address, 'consumer', ignore);
  api = await connectRedis(address, 'producer', ignore);
  store = createRequestStore(worker, keyspace);
  publisher = createPublisher(worker, keyspace, ignore);
  subscriber = await createReplySubscriber({
    connection: await connectRedis(address, 'subscriber', ignore),
    log: createReplyLog(api, keyspace),
    keyspace,
    inbox: INBOX,
    replyShards: 1,
    onError: ignore,
    onRepair: (frames) => {
      repaired += frames;
    },
  });
});
afterAll(async () => {
  await subscriber.close();
  disconnectRedis(worker);
  disconnectRedis(api);
  await server.stop();
});
beforeEach(() => {
  repaired = 0;
});

function specOf(requestId = createRequestId(1)): RequestSpec {
  return {
    version: CONTRACT_VERSION,
    requestId,
    keyId: 'key_1',
    keyScope: null,
    budgetHold: null,
    protocol: 'openai-chat',
    model: 'm',
    lane: 'interactive',
    isStream: true,
    usageDelivery: 'none',
    forwardedHeaders: {},
    choices: 1,
    plan: { steps: [] },
    acceptedAtMs: Date.now(),
    deadlineAtMs: Date.now() + 60_000,
    inbox: INBOX,
    lifetime: 'client',
    retentionMs: 60_000,
    estimatedInputTokens: 1,
    estimatedOutputTokens: 1,
  };
}

async function accept(): Promise<RequestSpec> {
  const spec = specOf();
  await store.accept(spec, Buffer.from('{"é":1}'), 60_000);
  return spec;
}

async function claim(spec: RequestSpec, workerId = 'worker_a', step = 0): Promise<Claim> {
  const result = await store.claim(spec.requestId, step, workerId, 60_000);
  if (result.kind !== 'claimed') throw new Error(`not claimed: ${result.kind}`);
  return result.claim;
}

function open(
  spec: RequestSpec,
  { grant, hasAnswered }: Claim,
  onRefused: (why: string) => void = () => undefined,
): ReplyWriter {
  return publisher.open({ spec, grant, hasAnswered, retentionMs: 60_000, onRefused });
}

/** Collects what a client would receive. */
function listen(spec: RequestSpec): {
  frames: Frame[];
  text: () => string;
  isOver: () => boolean;
  subscription: ReturnType<ReplySubscriber['open']>;
} {
  const frames: Frame[] = [];
  const subscription = subscriber.open(spec.requestId, (frame) => frames.push(frame));
  return {
    frames,
    text: () => frames.map((frame) => frame.bytes.toString()).join(''),
    isOver: () => frames.some((frame) => frame.kind === 'end' || frame.kind === 'fail'),
    subscription,
  };
}

const head = { status: 200, headers: {}, isWhole: false };

describe('ownership of a request', () => {
  test('the body is returned byte for byte, with the spec', async () => {
    const spec = await accept();
    const claimed = await claim(spec);
    expect(claimed).toMatchObject({ spec, isCancelled: false, hasAnswered: false, progress: NO_PROGRESS });
    expect(String(claimed.body)).toBe('{"é":1}');
    expect(claimed.grant).toEqual({ attempt: 1, previous: '0-0', fenceSequence: 0 });
  });

  test('while its worker is alive, no other worker gets it', async () => {
    const spec = await accept();
    await createWorkerLiveness(worker, keyspace).heartbeat('worker_a', [0]);
    await claim(spec, 'worker_a');
    expect(await store.claim(spec.requestId, 0, 'worker_b', 60_000)).toEqual({ kind: 'owned', owner: 'worker_a' });
  });

  test('a finished request stays with its worker until that has closed the books, and then nothing is left to do', async () => {
    const spec = await accept();
    await createWorkerLiveness(worker, keyspace).heartbeat('worker_a', [0]);
    const writer = open(spec, await claim(spec, 'worker_a'));
    writer.whole({ status: 200, headers: {}, isWhole: true }, Buffer.from('{}'));
    await writer.settled();
    expect(await store.claim(spec.requestId, 0, 'worker_b', 60_000)).toEqual({ kind: 'owned', owner: 'worker_a' });
    await store.disown(spec.requestId, 'worker_a', 'closed');
    expect(await store.claim(spec.requestId, 0, 'worker_b', 60_000)).toEqual({ kind: 'closed' });
  });

  test('a finished request whose worker is silent is finished for others', async () => {
    const spec = await accept();
    const writer = open(spec, await claim(spec, 'worker_dead'));
    writer.whole({ status: 200, headers: {}, isWhole: true }, Buffer.from('{}'));
    await writer.settled();
    expect(await store.claim(spec.requestId, 0, 'worker_b', 60_000)).toMatchObject({ kind: 'done' });
  });

  test('the request of a silent worker is taken over, as its next attempt', async () => {
    const spec = await accept();
    await claim(spec, 'worker_dead');
    expect((await claim(spec, 'worker_b')).grant.attempt).toBe(2);
  });

  test('a request that moved to another step is not processed at the old one', async () => {
    const spec = await accept();
    await claim(spec);
    const change = { fromStep: 0, toStep: 1, progress: { ...NO_PROGRESS, calls: 1 }, isAttemptUnused: false };
    expect(await store.release(spec.requestId, 'worker_a', change)).toBe(true);
    expect(await store.claim(spec.requestId, 0, 'worker_b', 60_000)).toMatchObject({ kind: 'moved', step: 1 });
    expect(await claim(spec, 'worker_b', 1)).toMatchObject({ grant: { attempt: 2 }, progress: { calls: 1 } });
  });

  test('an attempt number without a call is used again', async () => {
    const spec = await accept();
    await claim(spec);
    const change = { fromStep: 0, toStep: 0, progress: NO_PROGRESS, isAttemptUnused: true };
    await store.release(spec.requestId, 'worker_a', change);
    expect((await claim(spec, 'worker_b')).grant.attempt).toBe(1);
  });

  test('only the owner can start the next attempt or release the request', async () => {
    const spec = await accept();
    await claim(spec);
    expect(await store.continueClaim(spec.requestId, 'worker_b', NO_PROGRESS, 60_000)).toBeNull();
    const change = { fromStep: 0, toStep: 1, progress: NO_PROGRESS, isAttemptUnused: false };
    expect(await store.release(spec.requestId, 'worker_b', change)).toBe(false);
    expect(await store.continueClaim(spec.requestId, 'worker_a', NO_PROGRESS, 60_000)).toEqual({
      attempt: 2,
      fenceSequence: 0,
    });
  });

  test('cancelling marks a queued request, notifies the worker of a running one, and is too late for a finished one', async () => {
    const spec = await accept();
    expect(await store.cancel(spec.requestId)).toEqual({ kind: 'queued', step: 0, progress: NO_PROGRESS });
    const told = server.client.duplicate();
    await told.ssubscribe(keyspace.controlChannel(0, 'worker_a'));
    const message = new Promise((resolve) => told.once('smessage', (_channel, text) => resolve(text)));
    const claimed = await claim(spec);
    expect(claimed.isCancelled).toBe(true);
    expect(await store.cancel(spec.requestId)).toEqual({ kind: 'running' });
    expect(await message).toBe(spec.requestId);
    const writer = open(spec, claimed);
    writer.fail({ code: 'request_cancelled', message: '' });
    await writer.settled();
    expect(await store.cancel(spec.requestId)).toEqual({ kind: 'done' });
    expect(await store.claim(spec.requestId, 0, 'worker_a', 60_000)).toEqual({ kind: 'closed' });
    told.disconnect();
  });

  test('the books of a request that is done are left to its worker while that one is alive', async () => {
    const spec = await accept();
    const writer = open(spec, await claim(spec));
    writer.fail({ code: 'request_cancelled', message: '' });
    await writer.settled();
    const { workers, request } = { workers: keyspace.workers(0), request: keyspace.request(spec.requestId) };
    const claimBy = (worker: string) => store.claim(spec.requestId, 0, worker, 60_000);
    await server.client.hdel(workers, 'worker_a');
    expect(await claimBy('worker_b')).toMatchObject({ kind: 'done', outcome: 'failed', attempts: 1 });
    await server.client.hset(workers, 'worker_a', Date.now());
    expect(await claimBy('worker_b')).toEqual({ kind: 'owned', owner: 'worker_a' });
    expect(await claimBy('worker_a')).toEqual({ kind: 'closed' });
    await store.disown(spec.requestId, 'worker_a', 'closed');
    expect(await claimBy('worker_b')).toEqual({ kind: 'closed' });
    expect(await server.client.hget(request.record, 'state')).toBe('done');
  });

  test('the books of a request that is done are closed by another worker if its own has given it up without closing them', async () => {
    const spec = await accept();
    await createWorkerLiveness(worker, keyspace).heartbeat('worker_a', [0]);
    const writer = open(spec, await claim(spec));
    writer.fail({ code: 'request_cancelled', message: '' });
    await writer.settled();
    await store.disown(spec.requestId, 'worker_a', 'open');
    expect(await store.claim(spec.requestId, 0, 'worker_a', 60_000)).toMatchObject({ kind: 'done', attempts: 1 });
    expect(await store.claim(spec.requestId, 0, 'worker_b', 60_000)).toMatchObject({ kind: 'done', attempts: 1 });
  });

  test('a request that was never accepted, or expired, is missing', async () => {
    const spec = await accept();
    await store.forget([spec.requestId]);
    expect(await store.claim(spec.requestId, 0, 'worker_a', 60_000)).toEqual({ kind: 'gone' });
    expect(await store.cancel(spec.requestId)).toEqual({ kind: 'done' });
  });
});

describe('what the client receives', () => {
  test('is exactly what was written, in order', async () => {
    const spec = await accept();
    const client = listen(spec);
    const writer = open(spec, await claim(spec));
    writer.head(head);
    for (let i = 0; i < 200; i++) writer.event(Buffer.from(`${i} `));
    writer.end('ok');
    await writer.settled();
    await waitFor('the end', client.isOver);
    expect(client.text()).toBe(Array.from({ length: 200 }, (_, i) => `${i} `).join(''));
    expect(client.frames[0]).toMatchObject({ kind: 'head', previous: '0-0' });
    expect(client.frames.at(-1)).toMatchObject({ kind: 'end', meta: 'ok', id: '1-201' });
    expect(repaired).toBe(0);
  });

  test('a frame’s id is the number of its last event', async () => {
    const spec = await accept();
    const client = listen(spec);
    const writer = open(spec, await claim(spec));
    writer.head(head);
    writer.event(Buffer.from('a'), true);
    writer.event(Buffer.from('b'), true);
    writer.end('ok');
    await waitFor('the end', client.isOver);
    expect(client.frames.map((frame) => frame.id)).toEqual(['1-2', '1-3']);
    expect(client.text()).toBe('id: 1-1\naid: 1-2\nb');
  });

  test('an unstreamed answer is one frame, and ends the request', async () => {
    const spec = await accept();
    const client = listen(spec);
    const writer = open(spec, await claim(spec));
    writer.whole({ ...head, isWhole: true }, Buffer.from('{"ok":true}'));
    await waitFor('the answer', () => client.frames.length > 0);
    expect(client.frames).toMatchObject([{ kind: 'head', id: '1-1' }]);
    expect(await server.client.exists(keyspace.request(spec.requestId).body)).toBe(0);
    expect(await server.client.pttl(keyspace.request(spec.requestId).log)).toBeGreaterThan(0);
  });

  test('a second attempt’s frames follow the first’s', async () => {
    const spec = await accept();
    const client = listen(spec);
    const claimed = await claim(spec);
    const writer = open(spec, claimed);
    writer.beginAttempt((await store.continueClaim(spec.requestId, 'worker_a', NO_PROGRESS, 60_000))!);
    writer.head(head);
    writer.event(Buffer.from('second'));
    writer.end('ok');
    await waitFor('the end', client.isOver);
    expect(client.frames.map((frame) => frame.id)).toEqual(['2-1', '2-2']);
  });

  test('a reader that pauses gets the rest from the log, in order', async () => {
    const spec = await accept();
    const client = listen(spec);
    const writer = open(spec, await claim(spec));
    client.subscription.pause();
    writer.head(head);
    for (let i = 0; i < 300; i++) {
      writer.event(Buffer.from(`${i} `));
      await writer.settled();
    }
    writer.end('ok');
    await writer.settled();
    expect(client.frames).toEqual([]);
    client.subscription.resume();
    await waitFor('the end', client.isOver);
    expect(client.text()).toBe(Array.from({ length: 300 }, (_, i) => `${i} `).join(''));
  });

  test('a late reader gets everything', async () => {
    const spec = await accept();
    const writer = open(spec, await claim(spec));
    writer.head(head);
    writer.event(Buffer.from('early'));
    writer.end('ok');
    await writer.settled();
    const client = listen(spec);
    await waitFor('the end', client.isOver);
    expect(client.text()).toBe('early');
  });
});

test('a writer whose request was answered by another and has expired writes nothing', async () => {
  const spec = await accept();
  const refusals: string[] = [];
  const writer = open(spec, await claim(spec), (why) => refusals.push(why));
  await store.forget([spec.requestId]);
  writer.head(head);
  writer.event(Buffer.from('too late'));
  await writer.settled();
  expect(refusals).toEqual(['fenced']);
  const { record, log } = keyspace.request(spec.requestId);
  expect(await server.client.exists(record, log)).toBe(0);
});

describe('pub/sub may lose messages', () => {
  test('50 streams while the subscriber’s connection breaks repeatedly: no gap, no duplicate', async () => {
    const specs = await Promise.all(Array.from({ length: 50 }, accept));
    const clients = specs.map(listen);
    const writers = await Promise.all(specs.map(async (spec) => open(spec, await claim(spec))));
    for (const writer of writers) writer.head(head);
    for (let i = 0; i < 60; i++) {
      for (const writer of writers) writer.event(Buffer.from(`${i} `));
      await Promise.all(writers.map((writer) => writer.settled()));
      if (i % 10 === 5) await server.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    for (const writer of writers) writer.end('ok');
    await waitFor('all ends', () => clients.every((client) => client.isOver()), 20_000);
    const expected = Array.from({ length: 60 }, (_, i) => `${i} `).join('');
    for (const client of clients) {
      expect(client.text()).toBe(expected);
      expect(new Set(client.frames.map((frame) => frame.id)).size).toBe(client.frames.length);
    }
    expect(repaired).toBeGreaterThan(0);
  });

  test('a lost last frame, which leaves no visible gap, is found after a silence', async () => {
    const spec = await accept();
    const client = listen(spec);
    const writer = open(spec, await claim(spec));
    writer.head(head);
    writer.event(Buffer.from('a'));
    await waitFor('the first frame', () => client.frames.length > 0);
    const { log } = keyspace.request(spec.requestId);
    await server.client.xadd(log, '1-2', 'k', 'end', 'm', 'ok', 'b', 'lost', 'p', '1-1');
    await waitFor('the end', client.isOver, 5_000);
    expect(client.text()).toBe('alost');
  });

  test('the worker’s own connection breaks during its writes', async () => {
    const spec = await accept();
    const client = listen(spec);
    const refusals: string[] = [];
    const writer = open(spec, await claim(spec), (why) => refusals.push(why));
    writer.head(head);
    for (let i = 0; i < 100; i++) {
      writer.event(Buffer.from(`${i} `));
      await writer.settled();
      if (i % 20 === 10) await server.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    writer.end('ok');
    await waitFor('the end', client.isOver);
    expect(client.text()).toBe(Array.from({ length: 100 }, (_, i) => `${i} `).join(''));
    expect(refusals).toEqual([]);
  });
});

describe('fenced writers', () => {
  test('a worker that lost its request is refused, and the client gets none of its frames', async () => {
    const spec = await accept();
    const client = listen(spec);
    const refusals: string[] = [];
    const zombie = open(spec, await claim(spec, 'worker_zombie'), (why) => refusals.push(why));
    zombie.head(head);
    zombie.event(Buffer.from('old '));
    await zombie.settled();

    const heir = open(spec, await claim(spec, 'worker_heir'));
    zombie.event(Buffer.from('never seen'));
    await zombie.settled();
    heir.event(Buffer.from('new'));
    heir.end('ok');
    await waitFor('the end', client.isOver);
    expect(refusals).toEqual(['fenced']);
    expect(client.text()).toBe('old new');
  });
});

test('a writer waits while Redis accepts no writes, and nothing is lost', async () => {
  const spec = await accept();
  const client = listen(spec);
  const writer = open(spec, await claim(spec));
  writer.head(head);
  await server.client.config('SET', 'maxmemory', '1');
  writer.event(Buffer.alloc(600 * 1024, 'x'));
  await waitFor('the writer to be held back', () => !writer.isReady);
  await server.client.config('SET', 'maxmemory', '0');
  await writer.ready();
  writer.end('ok');
  await waitFor('the end', client.isOver);
  expect(client.text().length).toBe(600 * 1024);
});
