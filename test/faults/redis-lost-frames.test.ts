// Redis returns from a failover without its last entries: frames that an API process had not received yet are neither announced
// again nor in the log. The response has a gap and must not look complete.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let broker: TestBroker;
let holed: Answer;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors) });
  const { client } = broker.redis;
  const answer = openAnswer(broker.url, { stream: true, prompt: '[[sim tokens=1000 pace=20]] I shall have a hole.' });
  await waitFor('some tokens', () => readChatStream(answer.text).tokens >= 5);
  const log = `{sluice:r0}:log:${answer.headers['x-request-id']}`;
  const length = () => client.xlen(log);

  // While the API process is stopped its subscription is cut, so that the log is its only source.
  const [api] = broker.apis;
  api!.child.kill('SIGSTOP');
  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  const before = await length();
  await waitFor('frames that nobody received', async () => (await length()) >= before + 20);
  const lost = await client.xrevrange(log, '+', '-', 'COUNT', '10');
  await client.xdel(log, ...lost.map(([id]) => id));
  api!.child.kill('SIGCONT');
  holed = await answer.ended;
}, 30_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

// Symptom: the client got a stream that ended normally, with a part missing in the middle. Cause: the log did not record
// which frame precedes which. Fix: it does, and a frame that does not follow ends the answer.
test('what the client received: an explicit error where frames are missing', () => {
  const { error, isDone, ids } = readChatStream(holed.text);
  expect({ code: error?.code, isDone, ending: holed.ending }).toEqual({
    code: 'stream_interrupted',
    isDone: false,
    ending: 'whole',
  });
  expect(ids.map((id) => Number(id.split('-')[1]))).toEqual(ids.map((_, place) => place + 1));
});

test('what was billed: the tokens until the provider’s call was closed', async () => {
  await vendors.primary.until((stats) => stats.outcomes.aborted === 1);
  await booksClosed(broker);
  const [row, ...more] = await ledgerRows(broker);
  expect(row).toMatchObject({ state: 'estimated', outcome: 'request_cancelled' });
  expect(row!.outputTokens).toBeGreaterThan(readChatStream(holed.text).tokens);
  expect(more).toEqual([]);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
});
