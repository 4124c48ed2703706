// PostgreSQL dies and comes back. Answers go on; what they cost waits in Redis and is written down to the last entry.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, openEntries } from '#test/support/ledger.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { startTestPostgres } from '#test/support/postgres-server.ts';
import { startVendors, type Vendors, vendorConfiguration } from '#test/support/vendors.ts';

const REQUESTS = 60;
const postgres = await startTestPostgres();

let vendors: Vendors;
let broker: TestBroker;
let answers: Answer[];
let stranger: Answer;
let waitingEntries: number;

beforeAll(async () => {
  if (postgres === null) return;
  vendors = await startVendors({ tokens: 12 });
  broker = await startBroker({ configuration: vendorConfiguration(vendors), databaseUrl: postgres.url, workers: 2 });
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
  await postgres.restart();
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
  await postgres?.stop();
});

test.skipIf(postgres === null)('what the clients received: what they would have received anyway', () => {
  for (const [index, { status, text }] of answers.entries()) {
    const isStream = index % 2 === 0;
    const isCut = index % 5 === 0;
    expect(status).toBe(isCut && !isStream ? 502 : 200);
    if (isStream) expect(readChatStream(text)).toMatchObject({ tokens: isCut ? 3 : 12, isDone: !isCut });
  }
});

test.skipIf(postgres === null)('a key that cannot be looked up is not called wrong', () => {
  expect(stranger.status).toBe(503);
  expect(stranger.headers).toHaveProperty('retry-after');
});

test.skipIf(postgres === null)(
  'what was billed: every entry waited, and was written once',
  { timeout: 60_000 },
  async () => {
    expect(waitingEntries).toBeGreaterThanOrEqual(REQUESTS);
    await booksClosed(broker, 30_000);
    const rows = await ledgerRows(broker);
    // One attempt each, but for the twelve that were cut and asked for again, and the one from before.
    expect(rows.length).toBe(REQUESTS + 12 + 1);
    expectLedgerEqualsBill(rows, vendors);
    const requests = await broker.database.selectFrom('requests').select('request_id').execute();
    expect(requests.length).toBe(REQUESTS + 1);
  },
);

test.skipIf(postgres === null)('what happens to the next request: it is answered and written down', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
  expect((await fetch(`${broker.url}/readyz`)).status).toBe(200);
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});
