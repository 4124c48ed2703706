// PostgreSQL dies and returns. Requests are still answered; their costs wait in Redis and are all written.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, openEntries } from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const REQUESTS = 60;
const postgres = await startTestPostgres();

let vendors: Providers;
let broker: TestBroker;
let answers: Answer[];
let stranger: Answer;
let waitingEntries: number;
let readiness: { status: number; json: unknown };
let kept: { created: string; stored: Asked; background: Asked; next: Asked; unknown: Asked };
let wrongWhileAway: string;

beforeAll(async () => {
  if (postgres === null) return;
  vendors = await startProviders({ tokens: 12 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), databaseUrl: postgres.url, workers: 2 });
  await ask(broker.url, { prompt: 'Before.' });
  await booksClosed(broker);

  await postgres.kill();
  const numbers = Array.from({ length: REQUESTS }, (_, index) => index);
  answers = await mapConcurrently(numbers, 10, (index) =>
    ask(broker.url, {
      stream: index % 2 === 0,
      prompt: `${index % 5 === 0 ? '[[sim fault=cut@3]] ' : ''}Meanwhile ${index}.`,
    }),
  );
  stranger = await ask(broker.url, { key: 'sk-never-seen-before', prompt: 'Who am I?' });
  waitingEntries = await openEntries(broker);
  readiness = await call('/readyz');
  kept = await keepResponses();
  wrongWhileAway = broker.workers.map((worker) => worker.log()).join('');
  await postgres.restart();
}, 60_000);
interface Asked {
  status: number;
  json: { id?: string; status?: string };
}

async function call(path: string, body?: object): Promise<Asked> {
  const answer = await fetch(`${broker.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as Asked['json'] };
}

/** Responses made, read and followed while SQL is away. */
async function keepResponses() {
  const create = (more: object) => call('/v1/responses', { model: 'solo', input: 'Keep me.', ...more });
  const created = (await create({})).json.id!;
  const background = (await create({ background: true })).json.id!;
  return {
    created,
    stored: await call(`/v1/responses/${created}`),
    background: await waitFor('the background response', async () => {
      const asked = await call(`/v1/responses/${background}`);
      return asked.json.status === 'completed' || asked.status !== 200 ? asked : null;
    }),
    next: await create({ previous_response_id: created }),
    unknown: await call('/v1/responses/resp_unknown'),
  };
}

afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
  await postgres?.stop();
});

test.skipIf(postgres === null)('what the clients received: the same as otherwise', () => {
  for (const [index, { status, text }] of answers.entries()) {
    const isStream = index % 2 === 0;
    const isCut = index % 5 === 0;
    expect(status).toBe(isCut && !isStream ? 502 : 200);
    if (isStream) expect(readChatStream(text)).toMatchObject({ tokens: isCut ? 3 : 12, isDone: !isCut });
  }
});

// Symptom: all API processes were unready although they answered, and responses in Redis could not be read. Cause: a check of
// SQL counted as readiness, and SQL was asked first. Fix: an unavailable SQL is named only; responses in Redis are read from
// there.
test.skipIf(postgres === null)('requests are accepted, and what is missing is named', () => {
  expect(readiness).toMatchObject({
    status: 200,
    json: { status: 'ready', checks: { database: false, redis: true }, degraded: ['database'] },
  });
});

test.skipIf(postgres === null)(
  'responses can be read, polled and streamed from Redis; others are not reported as missing',
  () => {
    expect(kept.stored).toMatchObject({ status: 200, json: { id: kept.created, status: 'completed' } });
    expect(kept.background).toMatchObject({ status: 200, json: { status: 'completed' } });
    expect(kept.next.status).toBe(200);
    expect(kept.unknown.status).toBe(503);
  },
);

test.skipIf(postgres === null)('it is logged a few times, not at every attempt', () => {
  const lines = wrongWhileAway.split('\n').filter((line) => line.includes('entries wait'));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThan(10);
});

test.skipIf(postgres === null)('a key that cannot be looked up is not reported as wrong', () => {
  expect(stranger.status).toBe(503);
  expect(stranger.headers).toHaveProperty('retry-after');
});

test.skipIf(postgres === null)(
  'what was billed: every entry waited and was written once',
  { timeout: 60_000 },
  async () => {
    expect(waitingEntries).toBeGreaterThanOrEqual(REQUESTS);
    await booksClosed(broker, 30_000);
    const rows = await ledgerRows(broker);
    // One attempt each, except for the twelve that were cut off and repeated, the earlier one, and three responses.
    expect(rows.length).toBe(REQUESTS + 12 + 1 + 3);
    expectLedgerEqualsBill(rows, vendors);
    const requests = await broker.database.selectFrom('requests').select('request_id').execute();
    expect(requests.length).toBe(REQUESTS + 1 + 3);
  },
);

test.skipIf(postgres === null)('what happens to the next request: it is answered and recorded', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
  expect((await fetch(`${broker.url}/readyz`)).status).toBe(200);
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});
