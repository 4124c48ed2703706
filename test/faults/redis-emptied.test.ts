// Redis has lost everything: it was killed without an append-only file, or FLUSHALL was called. Accepted requests are lost, but
// every client gets a response, budgets are read from the ledger again, and the broker continues without a restart.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BillEntry } from '#simulator/engine/records/bill.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import {
  asFarAsItCame,
  booksClosed,
  expectLedgerEqualsBill,
  type LedgerRow,
  ledgerRows,
} from '#test/support/ledger.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const DEADLINE = { 'x-sluice-deadline-ms': '6000' };

const EMPTIED: [how: string, empty: (broker: TestBroker) => Promise<unknown>][] = [
  ['killed', (broker) => broker.redis.restart()],
  ['flushed', (broker) => broker.redis.client.flushall()],
];

describe.each(EMPTIED)('Redis, %s', (_how, empty) => {
  let vendors: Providers;
  let broker: TestBroker;
  let streamed: Answer;
  let called: Answer;
  let waiting: Answer;
  let limitedKey: string;

  beforeAll(async () => {
    vendors = await startProviders({ tokens: 12 });
    const configuration = providerConfiguration(vendors);
    configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
    broker = await startBroker({ configuration });
    limitedKey = (await broker.createKey('limited', { budgets: { total: '1' } })).secret;
    await ask(broker.url, { prompt: 'I spend all of it.', key: limitedKey });
    await booksClosed(broker);
    const place = await holdPermit(broker, 'primary/full');
    const stream = openAnswer(broker.url, { stream: true, prompt: '[[sim pace=50 tokens=60]] I stream.' });
    const call = ask(broker.url, { prompt: '[[sim first=2000]] I have been sent.' });
    const line = ask(broker.url, { model: 'full', prompt: 'I wait for my turn.', headers: DEADLINE });
    await place.untilWaiting(1);
    await waitFor('some tokens', () => readChatStream(stream.text).tokens >= 5);
    await vendors.primary.until((stats) => stats.inFlight === 2);

    await empty(broker);
    await place.release();
    [streamed, called, waiting] = await Promise.all([stream.ended, call, line]);
  }, 60_000);
  afterAll(async () => {
    await broker?.stop();
    await vendors?.close();
  });

  /** A token may be on its way when the stream is abandoned; what the client received is in the ledger in any case. */
  const expectBilled = (rows: LedgerRow[]) => {
    const broken = rows.filter(({ requestId }) => requestId === streamed.headers['x-request-id']);
    const written = broken.reduce((sum, { outputTokens }) => sum + outputTokens, 0);
    expect(written).toBeGreaterThanOrEqual(readChatStream(streamed.text).tokens);
    const cutOff = (entry: BillEntry) =>
      entry.clientRequestId?.startsWith(`${streamed.headers['x-request-id']}.`) ? asFarAsItCame(entry, rows) : entry;
    expectLedgerEqualsBill(rows, { ...vendors, bill: () => vendors.bill().map(cutOff) });
  };

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

  // Symptom: after Redis had lost its data, nothing was written to the ledger until the worker was restarted. Cause: the
  // writer's consumer group was lost with the stream. Fix: a reader creates a missing group again.
  test('what was billed: what the provider served', async () => {
    await booksClosed(broker);
    expectBilled(await ledgerRows(broker));
  });

  test('what happens to the next requests: they are answered and recorded', async () => {
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
    expectBilled(rows);
  });

  test('what a key may spend: the same as before', async () => {
    expect((await ask(broker.url, { prompt: 'And more?', key: limitedKey })).status).toBe(402);
  });
});
