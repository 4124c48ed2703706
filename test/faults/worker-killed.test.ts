// A worker dies by SIGKILL with three requests in its hands: one still waits for its turn, one has been sent to the
// vendor, one streams. The first two finish on another worker as if nothing had been; the third cannot, and says so.
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { deployment, startVendors, type Vendors, vendorConfiguration } from '#test/support/vendors.ts';
import { waitFor } from '#test/support/wait.ts';

/** DESIGN.md section 7: from a worker's death to the answer of the one that takes over. Measured: 6.0 to 8.1 s. */
const TAKEOVER_MS = 10_000;
/** The lease of a dead worker's attempt, and the sweep after it. */
const REAP_LIMIT_MS = 40_000;

let vendors: Vendors;
let broker: TestBroker;
let waiting: Answer;
let called: Answer;
let streamed: Answer;
let throughSdk: { text: string; error: unknown };
let takeoverMs: number;

beforeAll(async () => {
  vendors = await startVendors({ tokens: 12 });
  const configuration = vendorConfiguration(vendors);
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  broker = await startBroker({ configuration });
  const place = await holdPermit(broker, 'primary/full');
  const waitingAnswer = ask(broker.url, { model: 'full', prompt: 'I wait for my turn.' });
  const calledAnswer = ask(broker.url, { prompt: '[[sim fault=silence times=1]] I have been sent.' });
  const streamedAnswer = openAnswer(broker.url, { stream: true, prompt: '[[sim pace=50 tokens=5000]] I stream.' });
  const sdkAnswer = readThroughSdk('[[sim pace=50 tokens=5000]] I stream to an SDK.');
  await place.untilWaiting(1);
  await vendors.primary.until((stats) => stats.faults.silence === 1 && stats.openStreams === 2);
  await waitFor('some tokens', () => readChatStream(streamedAnswer.text).tokens >= 5);

  const [doomed] = broker.workers;
  await broker.startWorker();
  await doomed!.kill();
  const diedAtMs = performance.now();
  await place.release();
  [waiting, called, streamed, throughSdk] = await Promise.all([
    waitingAnswer,
    calledAnswer,
    streamedAnswer.ended,
    sdkAnswer,
  ]);
  takeoverMs = performance.now() - diedAtMs;
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

async function readThroughSdk(content: string) {
  const client = new OpenAI({ baseURL: `${broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content }];
  const chunks = await client.chat.completions.create({ model: 'solo', stream: true, messages });
  let text = '';
  try {
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';
    return { text, error: null };
  } catch (error) {
    return { text, error };
  }
}

const rowsOf = (answer: Answer) => ledgerRows(broker, answer.headers['x-request-id']);

test('what the clients received: one answer each, and an error where bytes had gone out', () => {
  expect(waiting.status).toBe(200);
  expect(JSON.parse(waiting.text).usage.completion_tokens).toBe(12);
  expect(called.status).toBe(200);
  expect(JSON.parse(called.text).usage.completion_tokens).toBe(12);

  const { tokens, error, isDone } = readChatStream(streamed.text);
  expect(tokens).toBeGreaterThanOrEqual(5);
  expect(error).toMatchObject({ code: 'stream_interrupted', message: expect.stringContaining('died') });
  expect(isDone).toBe(false);
  expect(streamed.ending).toBe('whole');
  expect(throughSdk.text.length).toBeGreaterThan(0);
  expect(throughSdk.error).toBeInstanceOf(OpenAI.APIError);
});

// Symptom: it took ten to fifteen seconds. Cause: a lock of 10 s, looked at every 5 s. Fix: 6 s and 2 s.
test('how long the clients waited for another worker', () => {
  expect(takeoverMs).toBeLessThan(TAKEOVER_MS);
});

test('what was billed: one call where none had been made, an estimate for those that nobody saw the end of', {
  timeout: REAP_LIMIT_MS,
}, async () => {
  await booksClosed(broker, REAP_LIMIT_MS);
  expect(await rowsOf(waiting)).toMatchObject([{ outcome: 'ok', state: 'settled' }]);
  expectLedgerEqualsBill(await rowsOf(waiting), vendors, waiting.headers['x-request-id']);

  const [lost, answered, ...more] = await rowsOf(called);
  expect(lost).toMatchObject({ attempt: 1, state: 'unsettled', outcome: 'unknown' });
  expect(lost!.costPicoUsd).toBeGreaterThan(0n);
  expect(answered).toMatchObject({ attempt: 2, state: 'settled', outcome: 'ok', outputTokens: 12 });
  expect(more).toEqual([]);

  const stream = await rowsOf(streamed);
  expect(stream).toMatchObject([{ attempt: 1, state: 'unsettled' }]);
  expect(stream[0]!.costPicoUsd).toBeGreaterThan(0n);
  expect(vendors.primary.stats()).toMatchObject({ calls: 5, inFlight: 0 });
});

test('what happens to the next request: the other worker answers it', async () => {
  const next = await ask(broker.url, { prompt: 'And then?' });
  expect(next.status).toBe(200);
  expect(next.headers['x-sluice-attempts']).toBe('1');
});
