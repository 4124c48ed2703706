// Redis is killed and returns with its append-only file. Every request in flight ends with a response or an error; workers and
// API continue automatically.
import { setTimeout as lasting } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { expectWholeStreams } from '#test/support/expect-whole-streams.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const AWAY_MS = 2_000;
const OF_EACH = 10;
/** Six seconds at a token every 20 ms. */
const TOKENS = 300;

/** What Redis has answered is on the disk: the promise is exact then (with `everysec`, the last second may be lost). */
const KEPT = { appendOnly: true, args: ['--appendfsync', 'always'] };

let vendors: Providers;
let broker: TestBroker;
let streams: Answer[];
let calls: Answer[];
let waiting: Answer[];
let refused: Answer;

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  vendors.primary.change({ paceMs: 20 });
  const configuration = providerConfiguration(vendors);
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  broker = await startBroker({ configuration, workers: 2, redis: KEPT });
  const place = await holdPermit(broker, 'primary/full');
  const many = Array.from({ length: OF_EACH }, (_, index) => index);
  const openStreams = many.map((index) => openAnswer(broker.url, { stream: true, prompt: promptOf(index) }));
  const openCalls = many.map((index) => ask(broker.url, { prompt: `[[sim tokens=12 first=3000]] Call ${index}.` }));
  const openWaiting = many.map((index) =>
    ask(broker.url, { model: 'full', prompt: `[[sim tokens=12]] In line ${index}.` }),
  );
  await place.untilWaiting(1);
  await vendors.primary.until((stats) => stats.inFlight === 2 * OF_EACH);
  await waitFor('some tokens of each', () => openStreams.every(({ text }) => readChatStream(text).tokens > 10));

  await broker.redis.kill();
  const ends = lasting(AWAY_MS);
  refused = await ask(broker.url, { prompt: 'Refuse me.' });
  await ends;
  await broker.redis.restart();
  await place.release();
  [streams, calls, waiting] = await Promise.all([
    Promise.all(openStreams.map(({ ended }) => ended)),
    Promise.all(openCalls),
    Promise.all(openWaiting),
  ]);
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const promptOf = (index: number) => `Stream ${index}.`;

test('what the clients received: an answer or an explicit failure, never a part that looks complete', async () => {
  // Frames are on the disk before they are announced, so that even streams come through whole.
  await expectWholeStreams(streams, vendors, promptOf);
  for (const { status, text } of [...calls, ...waiting]) {
    if (status === 200) expect(JSON.parse(text).usage.completion_tokens).toBe(12);
    else expect(JSON.parse(text).error.code).toEqual(expect.any(String));
  }
});

test('what a new client received meanwhile: 503 with retry-after', () => {
  expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(JSON.parse(refused.text).error.code).toBe('queue_unavailable');
});

test('what was billed: what the provider served', async () => {
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});

test('what happens to the next request: it is answered, by processes that were never restarted', async () => {
  const prompts = Array.from({ length: 50 }, (_, index) => `[[sim tokens=12]] And then? ${index}`);
  const answers = await mapConcurrently(prompts, 10, (prompt) => ask(broker.url, { prompt }));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const processes = [...broker.apis, ...broker.workers].map(({ child }) => child.exitCode ?? child.signalCode);
  expect(processes).toEqual([null, null, null]);
});
