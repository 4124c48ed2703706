// Redis has no memory left and refuses every write. Streams wait and continue later; new requests are refused in time; when
// there is memory again, everything works without a restart.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { expectWholeStreams } from '#test/support/expect-whole-streams.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const STREAMS = 10;
/** Three seconds. */
const TOKENS = 150;

let vendors: Providers;
let broker: TestBroker;
let streams: Answer[];
let calls: Answer[];
let refused: Answer[];

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  vendors.primary.change({ paceMs: 20 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), workers: 2 });
  const many = Array.from({ length: STREAMS }, (_, index) => index);
  const openStreams = many.map((index) => openAnswer(broker.url, { stream: true, prompt: promptOf(index) }));
  const openCalls = many.map((index) => ask(broker.url, { prompt: `[[sim tokens=12 first=1000]] Call ${index}.` }));
  await waitFor('some tokens of each', () => openStreams.every(({ text }) => readChatStream(text).tokens > 10));
  await vendors.primary.until((stats) => stats.inFlight === 2 * STREAMS);

  await broker.redis.client.config('SET', 'maxmemory', '1');
  refused = await Promise.all([true, false].map((stream) => ask(broker.url, { stream, prompt: 'Refuse me.' })));
  // The whole answers have come, and have nowhere to go.
  await vendors.primary.until((stats) => stats.outcomes.completed === STREAMS);
  const said = openStreams.map(({ bytes }) => bytes);
  await vendors.primary.until((stats) => stats.outcomes.completed > STREAMS);
  expect(openStreams.map(({ bytes }) => bytes)).toEqual(said);
  await broker.redis.client.config('SET', 'maxmemory', '0');
  [streams, calls] = await Promise.all([Promise.all(openStreams.map(({ ended }) => ended)), Promise.all(openCalls)]);
}, 30_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const promptOf = (index: number) => `Stream ${index}.`;

test('what clients with running requests received: everything, in order', async () => {
  await expectWholeStreams(streams, vendors, promptOf);
  for (const { status, text } of calls) {
    expect(status).toBe(200);
    expect(JSON.parse(text).usage.completion_tokens).toBe(12);
  }
});

test('what new clients received meanwhile: 503 with retry-after', () => {
  for (const { status, headers, text } of refused) {
    expect(status).toBe(503);
    expect(headers).toHaveProperty('retry-after', '1');
    expect(JSON.parse(text).error.code).toBe('queue_unavailable');
  }
});

test('what was billed: each call once', async () => {
  await booksClosed(broker, 40_000);
  const rows = await ledgerRows(broker);
  expect(rows.map(({ outcome, attempt }) => `${outcome} ${attempt}`)).toEqual(Array(2 * STREAMS).fill('ok 1'));
  expectLedgerEqualsBill(rows, vendors);
  expect(vendors.primary.stats().calls).toBe(2 * STREAMS);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { prompt: '[[sim tokens=12]] And then?' })).status).toBe(200);
});
