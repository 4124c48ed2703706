// A worker is killed (SIGKILL) with three requests: one is still waiting, one was sent to the provider, one is streaming. All
// three finish on another worker; the third continues after the last text sent.
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { readSpokenStream, SPOKEN, SPOKEN_PROTOCOLS, type SpokenName } from '#test/support/spoken-protocols.ts';
import { waitFor } from '#test/support/wait.ts';

/** From a worker's death to the answer of its replacement: 6.0 to 8.1 s were measured (src/queue/consumer.ts). */
const TAKEOVER_MS = 10_000;
/** The lease of a dead worker's attempt, and the sweep after it. */
const REAP_LIMIT_MS = 40_000;

let vendors: Providers;
let broker: TestBroker;
/** Slow enough that the worker dies in the middle of it, whatever else the machine does. */
const STREAM = { tokens: 300, paceMs: 100 };

let waiting: Answer;
let called: Answer;
/** One in each protocol. */
let streamed: Answer[];
let throughSdk: { text: string; error: unknown };
let takeoverMs: number;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  vendors.primary.change({ paceMs: STREAM.paceMs });
  const configuration = providerConfiguration(vendors);
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  broker = await startBroker({ configuration });
  const place = await holdPermit(broker, 'primary/full');
  const waitingAnswer = ask(broker.url, { model: 'full', prompt: 'I wait for my turn.' });
  const calledAnswer = ask(broker.url, { prompt: '[[sim fault=silence times=1]] I have been sent.' });
  const streams = SPOKEN.map((protocol) => openStream(protocol));
  const sdkAnswer = readThroughSdk(promptOf('SDK'));
  await place.untilWaiting(1);
  await vendors.primary.until((stats) => stats.faults.silence === 1 && stats.openStreams === SPOKEN.length + 1);
  await waitFor('some words of each', () =>
    SPOKEN.every((protocol, index) => readSpokenStream(protocol, streams[index]!.text).text.length >= 20),
  );

  const [doomed] = broker.workers;
  await broker.startWorker();
  vendors.primary.change({ paceMs: 0 });
  await doomed!.kill();
  const diedAtMs = performance.now();
  await place.release();
  [waiting, called, streamed, throughSdk] = await Promise.all([
    waitingAnswer,
    calledAnswer,
    Promise.all(streams.map(({ ended }) => ended)),
    sdkAnswer,
  ]);
  takeoverMs = performance.now() - diedAtMs;
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

function openStream(protocol: SpokenName) {
  const spoken = SPOKEN_PROTOCOLS[protocol];
  const body = spoken.body({ model: 'solo', prompt: promptOf(protocol), isStream: true });
  return openAnswer(broker.url, { path: spoken.path('solo', true), body });
}

const promptOf = (reader: string) => `[[sim tokens=${STREAM.tokens}]] I stream to a ${reader}.`;

/** Both providers give the same answer, and the second has no faults. */
async function spokenTo(prompt: string): Promise<string> {
  const { text } = await ask(vendors.secondary.url, { stream: true, prompt });
  return readChatStream(text).content;
}

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

test('what the clients received: one complete answer each', async () => {
  expect(waiting.status).toBe(200);
  expect(JSON.parse(waiting.text).usage.completion_tokens).toBe(12);
  expect(called.status).toBe(200);
  expect(JSON.parse(called.text).usage.completion_tokens).toBe(12);

  for (const [index, protocol] of SPOKEN.entries()) {
    const { text, error, isDone, mark } = readSpokenStream(protocol, streamed[index]!.text);
    expect({ error, isDone }).toEqual({ error: null, isDone: true });
    expect(text).toBe(await spokenTo(promptOf(protocol)));
    expect(mark?.rescued).toBe(true);
  }
  expect(throughSdk).toEqual({ text: await spokenTo(promptOf('SDK')), error: null });
});

// Symptom: the header said 1 where the ledger has two calls. Cause: the call of a worker that died is in no progress. Fix: the
// next worker counts the attempts that are open. The request that waited has a new number, too, but was called once.
test('what the clients were told of the calls, and what the requests in the ledger say of them', async () => {
  expect(waiting.headers['x-sluice-attempts']).toBe('1');
  expect(called.headers['x-sluice-attempts']).toBe('2');
  expect(await requestRow(broker, waiting.headers['x-request-id']!)).toMatchObject({ attempts: 1n });
  for (const answer of [called, ...streamed])
    expect(await requestRow(broker, answer.headers['x-request-id']!)).toMatchObject({ attempts: 2n });
});

// Symptom: it took ten to fifteen seconds. Cause: a lock of 10 s, checked every 5 s. Fix: 6 s and 2 s.
test('how long the clients waited for another worker', () => {
  expect(takeoverMs).toBeLessThan(TAKEOVER_MS);
});

test('what was billed: one call if none had been made, an estimate for those whose end is unknown', {
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

  for (const stream of streamed) {
    const rows = await rowsOf(stream);
    expect(rows).toMatchObject([
      { attempt: 1, state: 'unsettled' },
      { attempt: 2, state: 'settled', outcome: 'ok', outputTokens: STREAM.tokens },
    ]);
    expect(rows[0]!.costPicoUsd).toBeGreaterThan(0n);
  }
  const calls = 1 + 2 + 2 * (SPOKEN.length + 1);
  expect(vendors.primary.stats()).toMatchObject({ calls, inFlight: 0 });
});

test('what happens to the next request: the other worker answers it', async () => {
  const next = await ask(broker.url, { prompt: 'And then?' });
  expect(next.status).toBe(200);
  expect(next.headers['x-sluice-attempts']).toBe('1');
});
