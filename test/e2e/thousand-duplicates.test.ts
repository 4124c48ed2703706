// A thousand clients, or one that repeats its request a thousand times: one idempotency key, two API instances. One call, one
// charge, and the same bytes for every client.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { withoutComments } from '#test/support/spoken-protocols.ts';

const DUPLICATES = 1_000;
/** One dollar. */
const BUDGET = '1000000000000';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 30, paceMs: 20 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), apis: 2, workers: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test.each([
  { how: 'not streamed', stream: false },
  { how: 'streamed', stream: true },
])('a thousand at the same time, $how', { timeout: 60_000 }, async ({ stream }) => {
  const before = vendors.primary.stats().calls;
  const { id: keyId, secret } = await broker.createKey(`duplicates-${stream}`, { budgets: { total: BUDGET } });
  const urls = broker.apis.map(({ details }) => String(details.url));
  const wanted = { stream, prompt: 'Once.', key: secret, headers: { 'idempotency-key': 'once' } };
  const askOne = (index: number): Promise<Answer> => ask(urls[index % urls.length]!, wanted);
  const answers = await Promise.all(Array.from({ length: DUPLICATES }, (_, index) => askOne(index)));

  expect(new Set(answers.map(({ status, ending }) => `${status} ${ending}`))).toEqual(new Set(['200 whole']));
  const [requestId, ...others] = new Set(answers.map(({ headers }) => headers['x-request-id']!));
  expect(others).toEqual([]);
  expect(new Set(answers.map(({ text }) => withoutComments(text))).size).toBe(1);
  expect(vendors.primary.stats().calls - before).toBe(1);

  await booksClosed(broker);
  const rows = await ledgerRows(broker, requestId);
  expectLedgerEqualsBill(rows, vendors, requestId);
  expect(rows).toHaveLength(1);
  const { charge_units: charge } = await requestRow(broker, requestId!);
  const requests = await broker.database
    .selectFrom('requests')
    .select('charge_units')
    .where('key_id', '=', keyId)
    .execute();
  expect(requests).toEqual([{ charge_units: charge }]);
  expect(Number(charge)).toBeGreaterThan(0);
});
