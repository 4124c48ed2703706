// Requests fail while the processes that store their dead letters are killed, and while SQL is not available: each dead letter
// is stored once, with its body, including one of a request that no worker ever took.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deadLetters } from '#src/config/server-schema.ts';
import { createBodySeal } from '#src/dead-letters/dead-letter.ts';
import { createDeadLetterStore } from '#src/dead-letters/dead-letter-store.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const KEY = Buffer.alloc(32, 7).toString('base64');
const REQUESTS = 60;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors, { circuit: { failures: 1_000 } });
  configuration.dead_letters = { key: KEY };
  broker = await startBroker({ configuration, workers: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const failed: { answer: Answer; prompt: string }[] = [];
const fail = async (index: number) => {
  const prompt = `[[sim fault=500]] request ${index}`;
  failed.push({ answer: await ask(broker.url, { prompt }), prompt });
};
const keptIds = async () => {
  const rows = await broker.database.selectFrom('dead_letters').select('request_id').execute();
  return rows.map((row) => row.request_id).sort();
};
const failedIds = () => failed.map(({ answer }) => answer.headers['x-request-id']!).sort();

test('what is kept: every failed request, once, although one ledger writer after the other is killed', async () => {
  const sending = Promise.all(Array.from({ length: REQUESTS }, (_, index) => fail(index)));
  for (let kill = 0; kill < 2; kill++) {
    await waitFor('some letters', async () => (await keptIds()).length > 10 * kill);
    await broker.workers[kill]!.kill();
    await broker.startWorker();
  }
  await sending;
  await waitFor('all letters', async () => (await keptIds()).length >= failed.length, 60_000);
  expect(await keptIds()).toEqual(failedIds());
}, 90_000);

test('their bodies are complete, and Redis has none of them any more', async () => {
  const store = createDeadLetterStore(broker.database);
  const seal = createBodySeal(deadLetters.parse({ key: KEY }));
  for (const { answer, prompt } of failed) {
    const id = answer.headers['x-request-id']!;
    const body = seal.open((await store.readBody(id))!, id);
    expect(JSON.parse(body!.toString()).messages[0].content).toBe(prompt);
  }
  await waitFor('the bodies to go', async () => (await broker.redis.client.keys('{sluice:r*}:body:*')).length === 0);
});

test('what is kept: a request that no worker took before its deadline', async () => {
  await Promise.all(broker.workers.map((worker) => worker.kill()));
  const prompt = 'Is anybody there?';
  const answer = await ask(broker.url, { prompt, headers: { 'x-sluice-deadline-ms': '500' } });
  expect(answer.status).toBe(408);
  await broker.startWorker();
  const id = answer.headers['x-request-id']!;
  const store = createDeadLetterStore(broker.database);
  const letter = await waitFor('its letter', () => store.find(id));
  expect(letter).toMatchObject({ failure: { code: 'deadline_passed_waiting' }, attempts: 0, body: { form: 'sealed' } });
}, 30_000);

test('what was billed: the provider’s bill, to the picodollar', async () => {
  await booksClosed(broker);
  // The cost of a call that a killed worker had in flight is unknown: it is recorded as an estimate.
  expectLedgerEqualsBill(
    (await ledgerRows(broker)).filter(({ state }) => state === 'settled'),
    vendors,
  );
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
});
