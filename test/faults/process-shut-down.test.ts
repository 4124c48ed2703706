// SIGTERM, as in every deployment of a new version, to a worker and to an API process with responses in flight. Whatever can
// finish within the grace period does; the rest is finished elsewhere, streams after the last text sent.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const GRACE_MS = 2_000;
const LONG_TOKENS = 2_000;

let vendors: Providers;
let broker: TestBroker;
let brief: Answer;
let long: Answer;
let called: Answer;
let workerExit: number | null;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  vendors.primary.change({ paceMs: 50 });
  const configuration = { ...providerConfiguration(vendors), server: { shutdown_grace_ms: GRACE_MS } };
  broker = await startBroker({ configuration, apis: 2 });
  const briefAnswer = openAnswer(broker.url, { stream: true, prompt: '[[sim tokens=20]] I am brief.' });
  const longAnswer = openAnswer(broker.url, { stream: true, prompt: `[[sim tokens=${LONG_TOKENS}]] I am long.` });
  const calledAnswer = ask(broker.url, { prompt: '[[sim fault=silence times=1]] I have been sent.' });
  await waitFor('some tokens of each', () =>
    [briefAnswer, longAnswer].every(({ text }) => readChatStream(text).tokens >= 3),
  );
  await vendors.primary.until((stats) => stats.inFlight === 3);
  const [leaving] = broker.workers;
  await broker.startWorker();
  const left = leaving!.stop();
  await briefAnswer.ended;
  vendors.primary.change({ paceMs: 0 });
  await left;
  workerExit = leaving!.child.exitCode;
  [brief, long, called] = await Promise.all([briefAnswer.ended, longAnswer.ended, calledAnswer]);
}, 30_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the clients of a stopping worker received: their answers, including a stream that outlasted it', () => {
  expect(workerExit).toBe(0);
  expect(readChatStream(brief.text)).toMatchObject({ tokens: 20, isDone: true, error: null });
  expect(called).toMatchObject({ status: 200, headers: { 'x-sluice-attempts': '2' } });
  expect(JSON.parse(called.text).usage.completion_tokens).toBe(12);
  expect(readChatStream(long.text)).toMatchObject({ tokens: LONG_TOKENS, isDone: true, error: null });
});

test('what was billed: every token once, and nothing left open', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  const cut = rows.filter(({ requestId }) => requestId === long.headers['x-request-id']);
  expect(cut).toMatchObject([
    { attempt: 1, state: 'estimated', outcome: 'shutting_down' },
    { attempt: 2, state: 'settled', outcome: 'ok', outputTokens: LONG_TOKENS },
  ]);
  expect(rows.filter(({ requestId }) => requestId === called.headers['x-request-id'])).toMatchObject([
    { attempt: 1, outcome: 'shutting_down', state: 'estimated', outputTokens: 0 },
    { attempt: 2, outcome: 'ok' },
  ]);
  for (const answer of [brief, called]) {
    const requestId = answer.headers['x-request-id']!;
    expectLedgerEqualsBill(
      rows.filter((row) => row.requestId === requestId),
      vendors,
      requestId,
    );
  }
});

test('what the clients of a stopping API process received: their complete answers', async () => {
  const running = openAnswer(broker.url, { stream: true, prompt: '[[sim pace=50 tokens=20]] I am brief, too.' });
  await waitFor('some tokens', () => readChatStream(running.text).tokens >= 3);
  const [leaving, staying] = broker.apis;
  const left = leaving!.stop();
  const { text, ending } = await running.ended;
  expect(readChatStream(text)).toMatchObject({ tokens: 20, isDone: true, error: null });
  expect(ending).toBe('whole');
  await left;
  expect(leaving!.child.exitCode).toBe(0);
  expect((await ask(String(staying!.details.url), { prompt: 'And then?' })).status).toBe(200);
});
