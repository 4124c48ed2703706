// A worker is frozen (SIGSTOP: a paused container, a machine that swaps) until others have taken over its requests, and then
// continues as if nothing had happened. Its frames are refused; its running calls are closed immediately and recorded.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const keys = createKeyspace('sluice');
const TOKENS = 2_000;
const STREAM = `[[sim tokens=${TOKENS}]] I stream.`;

let vendors: Providers;
let broker: TestBroker;
let called: Answer;
let streamed: Answer;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  vendors.primary.change({ paceMs: 50 });
  broker = await startBroker({ configuration: providerConfiguration(vendors) });
  const calledAnswer = ask(broker.url, { prompt: '[[sim first=1000]] I have been sent.' });
  const streamedAnswer = openAnswer(broker.url, { stream: true, prompt: STREAM });
  await waitFor('some tokens', () => readChatStream(streamedAnswer.text).tokens >= 5);
  await vendors.primary.until((stats) => stats.inFlight === 2);

  // Both were handed to it as they came: there is no job of either.
  const queue = 'primary-interactive';
  const prefix = keys.queuePrefix('primary');
  expect(await broker.redis.client.zcard(keys.leases(queue, 'primary'))).toBe(2);
  expect(await broker.redis.client.exists(`${prefix}:${queue}:active`)).toBe(0);
  const [frozen] = broker.workers;
  frozen!.child.kill('SIGSTOP');
  vendors.primary.change({ paceMs: 0 });
  await vendors.primary.until((stats) => stats.outcomes.completed === 1);
  await broker.startWorker();
  [called, streamed] = await Promise.all([calledAnswer, streamedAnswer.ended]);
  frozen!.child.kill('SIGCONT');
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const idOf = ({ headers }: Answer) => headers['x-request-id']!;

test('what the clients received: one complete answer each', () => {
  expect(called).toMatchObject({ status: 200, ending: 'whole' });
  expect(JSON.parse(called.text).usage.completion_tokens).toBe(12);
  expect(readChatStream(streamed.text)).toMatchObject({ tokens: TOKENS, error: null, isDone: true });
});

test('what the provider saw: both calls of the frozen worker are over, and both were made again', async () => {
  const { outcomes, calls } = await vendors.primary.until((stats) => stats.inFlight === 0);
  expect({ outcomes, calls }).toEqual({ outcomes: { completed: 3, aborted: 1, broken: 0 }, calls: 4 });
});

test('what was billed: what the provider served, including to the worker whose frames were refused', async () => {
  await booksClosed(broker, 30_000);
  const [lost, answered, ...more] = await ledgerRows(broker, idOf(called));
  expect([lost, answered, ...more]).toMatchObject([
    { attempt: 1, state: 'settled' },
    { attempt: 2, state: 'settled', outcome: 'ok' },
  ]);
  expectLedgerEqualsBill([lost!, answered!], vendors, idOf(called));

  const [stream, goneOnWith, ...others] = await ledgerRows(broker, idOf(streamed));
  const [billed] = vendors.bill(idOf(streamed));
  expect(stream).toMatchObject({ attempt: 1, state: 'estimated', outcome: 'stream_interrupted' });
  expect(stream!.outputTokens).toBeLessThanOrEqual(billed!.usage.outputTokens);
  expect(goneOnWith).toMatchObject({ attempt: 2, state: 'settled', outcome: 'ok', outputTokens: TOKENS });
  expect(others).toEqual([]);
});

test('what operators see: both requests succeeded once, and none failed', async () => {
  await booksClosed(broker, 30_000);
  const outcomes = await broker.database.selectFrom('requests').select(['request_id', 'outcome']).execute();
  expect(outcomes).toEqual(
    expect.arrayContaining([
      { request_id: idOf(called), outcome: 'ok' },
      { request_id: idOf(streamed), outcome: 'ok' },
    ]),
  );
  expect(await broker.database.selectFrom('dead_letters').select('code').execute()).toEqual([]);
});

test('what happens to the next requests: both workers answer them', async () => {
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => ask(broker.url, { prompt: `[[sim first=200]] And then? ${index}` })),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  for (const { log } of broker.workers) expect(log()).toContain(`"outcome":"ok"`);
});
