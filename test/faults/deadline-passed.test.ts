// The deadline of a request passes: while it waits for a limit of the provider, in a queue without a worker, during the call,
// during the stream. The client gets an error, the provider's call is closed, and only what was served is billed.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { holdPermit } from '#test/support/hold-permit.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import {
  deployment,
  type Providers,
  provider,
  providerConfiguration,
  startProviders,
} from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const DEADLINE = { 'x-sluice-deadline-ms': '700' };

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors);
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  configuration.providers!.unattended = provider(vendors.secondary);
  configuration.models!.unattended = { deployments: [deployment('unattended', 'unattended')] };
  broker = await startBroker({ configuration, workerArgs: ['--provider', 'primary'] });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const errorOf = ({ text }: Answer) => JSON.parse(text).error;
const idOf = ({ headers }: Answer) => headers['x-request-id']!;

// Symptom: a request that waited for a permit until its deadline got 503 and "a place is expected in 1 s". Cause: the end of
// a held permit cannot be foreseen, but was reported like a limit whose reset is known. Fix: such a wait ends with the
// deadline, and the error says so.
test.each([true, false])('waiting for a limit of the provider (streamed: %s): 408', async (stream) => {
  const place = await holdPermit(broker, 'primary/full');
  const before = vendors.primary.stats().calls;
  const answer = await ask(broker.url, { model: 'full', stream, prompt: 'I wait in line.', headers: DEADLINE });
  await place.release();
  expect(answer.status).toBe(408);
  expect(errorOf(answer)).toMatchObject({ code: 'deadline_exceeded', type: 'timeout_error' });
  expect(errorOf(answer).message).toContain('was waiting');
  expect(await requestRow(broker, idOf(answer))).toMatchObject({ outcome: 'deadline_passed_waiting', attempts: 0n });
  expect(vendors.primary.stats().calls).toBe(before);
});

test('in a queue without a worker: 408, and the job is removed', async () => {
  const answer = await ask(broker.url, { model: 'unattended', prompt: 'Nobody is there.', headers: DEADLINE });
  expect(answer.status).toBe(408);
  expect(errorOf(answer)).toMatchObject({ code: 'deadline_exceeded', type: 'timeout_error' });
  await requestRow(broker, idOf(answer));
  const isGone = async () => (await broker.redis.client.keys(`*${idOf(answer)}*`)).length === 0;
  await waitFor('the body to be kept elsewhere', isGone);
});

test.each([true, false])('during the call (streamed: %s): 504, and the provider’s call is closed', async (stream) => {
  const answer = await ask(broker.url, { stream, prompt: `[[sim first=60000]] ${stream}`, headers: DEADLINE });
  await vendors.primary.until((stats) => stats.inFlight === 0);
  expect(answer.status).toBe(504);
  expect(errorOf(answer)).toMatchObject({ code: 'deadline_exceeded', type: 'timeout_error' });
  expect(await requestRow(broker, idOf(answer))).toMatchObject({ outcome: 'deadline_passed', attempts: 1n });
  await booksClosed(broker);
  const rows = await ledgerRows(broker, idOf(answer));
  // Its provider has processed the prompt: this is owed, and no output that anyone received.
  expect(rows).toMatchObject([{ state: 'estimated', outcome: 'deadline_passed', outputTokens: 0 }]);
  expect(rows[0]!.inputTokens).toBeGreaterThan(0);
  expectLedgerEqualsBill(rows, vendors, idOf(answer));
});

test('in the middle of the stream: an error event, and the tokens until then are billed', async () => {
  const answer = await ask(broker.url, {
    stream: true,
    prompt: '[[sim tokens=1000 pace=100]] I take my time.',
    headers: DEADLINE,
  });
  await vendors.primary.until((stats) => stats.inFlight === 0);
  const { tokens, error, isDone } = readChatStream(answer.text);
  expect({ status: answer.status, isDone, code: error?.code }).toEqual({
    status: 200,
    isDone: false,
    code: 'deadline_exceeded',
  });
  await booksClosed(broker);
  expect(await ledgerRows(broker, idOf(answer))).toMatchObject([
    { state: 'estimated', outcome: 'deadline_passed', outputTokens: tokens },
  ]);
});

test('what was billed: nothing else', async () => {
  await booksClosed(broker);
  const paid = (await ledgerRows(broker)).filter(({ costPicoUsd }) => costPicoUsd > 0n);
  expect(paid.length).toBe(3);
  expect(vendors.bill().length).toBe(3);
});

test('what happens to the next request: it is answered', async () => {
  const next = await ask(broker.url, {
    model: 'full',
    prompt: 'And then?',
    headers: { 'x-sluice-deadline-ms': '10000' },
  });
  expect(next.status).toBe(200);
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker, idOf(next)), vendors, idOf(next));
});
