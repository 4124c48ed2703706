// An API process is killed (SIGKILL) while responses are in flight. Its clients notice the lost connections; accepted requests
// are still completed and recorded; the other API process handles new requests.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;
let survivor: string;
let streamed: Answer;
let whole: Answer;
let elsewhere: Answer;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), apis: 2 });
  const [doomed, other] = broker.apis.map(({ details }) => String(details.url));
  survivor = other!;
  const stream = openAnswer(doomed!, { stream: true, prompt: '[[sim tokens=30 pace=50]] I stream.' });
  const call = ask(doomed!, { prompt: '[[sim first=1000]] I wait.' });
  const neighbour = ask(survivor, { stream: true, prompt: '[[sim tokens=30 pace=50]] I stream elsewhere.' });
  await waitFor('some tokens', () => readChatStream(stream.text).tokens >= 5);
  await vendors.primary.until((stats) => stats.inFlight === 3);
  await broker.apis[0]!.kill();
  [streamed, whole, elsewhere] = await Promise.all([stream.ended, call, neighbour]);
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the clients received: a broken connection, never a partial answer that looks complete', () => {
  expect(streamed.ending).toBe('broken');
  expect(readChatStream(streamed.text).isDone).toBe(false);
  expect(whole).toMatchObject({ status: null, ending: 'broken' });
  expect(readChatStream(elsewhere.text)).toMatchObject({ tokens: 30, isDone: true, error: null });
});

test('what was billed: every call completely, as the provider served it', async () => {
  await vendors.primary.until((stats) => stats.outcomes.completed === 3);
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.map(({ outcome, state }) => `${outcome}, ${state}`)).toEqual(Array(3).fill('ok, settled'));
  expectLedgerEqualsBill(rows, vendors);
  expect(await requestRow(broker, streamed.headers['x-request-id']!)).toMatchObject({ outcome: 'ok' });
});

test('what happens to the next request: the other process answers it', async () => {
  expect((await ask(survivor, { prompt: 'And then?' })).status).toBe(200);
  expect((await fetch(`${survivor}/readyz`)).status).toBe(200);
  // Its client may have an answer before the provider has counted it.
  await vendors.primary.until(({ outcomes }) => outcomes.completed === 4);
  expect(vendors.primary.stats().outcomes).toEqual({ completed: 4, broken: 0, aborted: 0 });
});
