// Redis is killed and comes back with nothing: it had no append-only file, or its disk was lost. What was accepted cannot
// be kept then; but nobody is left without an answer, and the broker works on without a restart.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { deployment, startVendors, type Vendors, vendorConfiguration } from '#test/support/vendors.ts';
import { waitFor } from '#test/support/wait.ts';

const DEADLINE = { 'x-sluice-deadline-ms': '6000' };

let vendors: Vendors;
let broker: TestBroker;
let streamed: Answer;
let called: Answer;
let waiting: Answer;

beforeAll(async () => {
  vendors = await startVendors({ tokens: 12 });
  const configuration = vendorConfiguration(vendors);
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  broker = await startBroker({ configuration });
  const place = await holdPermit(broker, 'primary/full');
  const stream = openAnswer(broker.url, { stream: true, prompt: '[[sim pace=50 tokens=60]] I stream.' });
  const call = ask(broker.url, { prompt: '[[sim first=2000]] I have been sent.' });
  const line = ask(broker.url, { model: 'full', prompt: 'I wait for my turn.', headers: DEADLINE });
  await place.untilWaiting(1);
  await waitFor('some tokens', () => readChatStream(stream.text).tokens >= 5);
  await vendors.primary.until((stats) => stats.inFlight === 2);

  await broker.redis.kill();
  await broker.redis.restart();
  await place.release();
  [streamed, called, waiting] = await Promise.all([stream.ended, call, line]);
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the clients received: an answer, or an explicit failure', () => {
  const { tokens, isDone, error } = readChatStream(streamed.text);
  expect(isDone ? tokens : error?.code).toBe(isDone ? 60 : 'stream_interrupted');
  expect(streamed.ending).toBe('whole');
  for (const { status, text } of [called, waiting]) {
    const { usage, error: failure } = JSON.parse(text);
    if (status === 200) expect(usage.completion_tokens).toBe(12);
    else expect(['deadline_exceeded', 'stream_interrupted']).toContain(failure.code);
  }
});

// Symptom: after Redis had lost its data, nothing was written to the ledger until the worker was started again.
// Cause: the writer's consumer group was gone with the stream. Fix: a reader that misses its group makes it anew.
test('what was billed: what the vendor served', async () => {
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});

test('what happens to the next requests: they are answered, and written down', async () => {
  const before = (await ledgerRows(broker)).length;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      ask(broker.url, { stream: index % 2 === 0, prompt: `And then? ${index}` }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.length).toBe(before + 20);
  expectLedgerEqualsBill(rows, vendors);
});
