// The connections to Redis break, one kind at a time and all together, during fifty streams. Pub/sub loses messages each time;
// they are read from the log. No client notices.
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readMetrics } from '#test/support/admin.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, type OpenAnswer, openAnswer } from '#test/support/client.ts';
import { expectWholeStreams } from '#test/support/expect-whole-streams.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts';
import { waitFor } from '#test/support/wait.ts';

const STREAMS = 50;
const TOKENS = 150;
const KILLED_AT_TOKENS = [10, 30, 50, 70, 90];

let vendors: Providers;
let redis: TestRedis;
let network: TcpProxy;
let broker: TestBroker;
let round = 0;

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  vendors.primary.change({ paceMs: 20 });
  redis = await startTestRedis();
  network = await startTcpProxy(redis);
  const configuration = providerConfiguration(vendors);
  broker = await startBroker({ configuration, workers: 2, sharedRedis: { ...redis, url: network.url } });
});
beforeEach(() => {
  round += 1;
});
afterAll(async () => {
  await broker?.stop();
  await network?.stop();
  await redis?.stop();
  await vendors?.close();
});

/** Fifty streams of three seconds; `disturb` is called when all of them run, with a fifty-first that nothing disturbs. */
async function streamThrough(disturb: (clock: OpenAnswer) => Promise<void>): Promise<Answer[]> {
  const answers = Array.from({ length: STREAMS }, (_, index) =>
    openAnswer(broker.url, {
      stream: true,
      prompt: promptOf(index),
    }),
  );
  await vendors.primary.until((stats) => stats.openStreams === STREAMS);
  await disturb(openAnswer(vendors.secondary.url, { stream: true, prompt: '[[sim pace=20]]' }));
  return Promise.all(answers.map(({ ended }) => ended));
}

async function until(clock: OpenAnswer, tokens: number): Promise<void> {
  await waitFor(`token ${tokens}`, () => readChatStream(clock.text).tokens >= tokens);
}

const promptOf = (index: number) => `Round ${round}, stream ${index}.`;

async function repaired(): Promise<number> {
  const text = await readMetrics(broker);
  return Number(/^sluice_repaired_frames_total (\d+)/m.exec(text)?.[1]);
}

test('what the clients received when pub/sub broke again and again', async () => {
  const before = await repaired();
  const answers = await streamThrough(async (clock) => {
    for (const tokens of KILLED_AT_TOKENS) {
      await until(clock, tokens);
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
  });
  await expectWholeStreams(answers, vendors, promptOf);
  expect(await repaired()).toBeGreaterThan(before);
});

test('what the clients received when every other connection broke', async () => {
  const answers = await streamThrough(async (clock) => {
    for (const tokens of KILLED_AT_TOKENS) {
      await until(clock, tokens);
      await redis.client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
  });
  await expectWholeStreams(answers, vendors, promptOf);
});

test('what the clients received when the network was down for a time', async () => {
  const answers = await streamThrough(async (clock) => {
    await until(clock, 20);
    network.sever();
    await until(clock, 80);
    network.restore();
  });
  await expectWholeStreams(answers, vendors, promptOf);
});

test('what was billed: each call once', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.map(({ outcome, attempt }) => `${outcome} ${attempt}`)).toEqual(Array(3 * STREAMS).fill('ok 1'));
  expectLedgerEqualsBill(rows, vendors);
  expect(vendors.primary.stats().calls).toBe(3 * STREAMS);
});

test('what happens to the next request: it is answered', async () => {
  // It checks Redis once a second.
  await waitFor('readiness', async () => (await fetch(`${broker.url}/readyz`)).status === 200, 5_000);
  expect((await ask(broker.url, { prompt: '[[sim pace=0]] And then?' })).status).toBe(200);
});
