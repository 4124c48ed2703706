// A worker is killed (SIGKILL) while it calls two providers for each of two requests, one of them streamed, before any response
// has begun. Both requests finish on another worker; the ledger has both open attempts as estimates, and the answer once.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const TOKENS = 12;
/** The lease of a dead worker's attempts, and the sweep after it. */
const REAP_LIMIT_MS = 40_000;
const keys = createKeyspace('sluice');

let vendors: Providers;
let broker: TestBroker;
let answers: Answer[];

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  broker = await startBroker({
    configuration: {
      providers: { primary: provider(vendors.primary), secondary: provider(vendors.secondary) },
      models: {
        pair: {
          deployments: [deployment('primary', 'pair'), deployment('secondary', 'pair', { tier: 2 })],
          hedge: { after_ms: 200, max_share_percent: 100, max_extra_cost_percent: 100 },
        },
      },
    },
  });
  for (let count = 0; count < 10; count++) await ask(broker.url, { model: 'pair', prompt: `Warm up ${count}.` });
  const counted = async () =>
    Object.entries(await broker.redis.client.hgetall(keys.hedges('pair')))
      .filter(([field]) => field.startsWith('r'))
      .reduce((sum, [, value]) => sum + Number(value), 0) >= 10;
  await waitFor('the answers to be counted', counted);

  const asked = [true, false].map((stream) =>
    ask(broker.url, { model: 'pair', prompt: `[[sim fault=silence times=1]] Between two, ${stream}.`, stream }),
  );
  await Promise.all([vendors.primary, vendors.secondary].map((one) => one.until(({ inFlight }) => inFlight === 2)));
  const [doomed] = broker.workers;
  await broker.startWorker();
  await doomed!.kill();
  answers = await Promise.all(asked);
}, 90_000);
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

test('what the clients received: one complete answer each', () => {
  const [streamed, whole] = answers;
  expect(streamed).toMatchObject({ status: 200, ending: 'whole' });
  expect(readChatStream(streamed!.text)).toMatchObject({ error: null, isDone: true, tokens: TOKENS });
  expect(whole).toMatchObject({ status: 200, ending: 'whole' });
  expect(JSON.parse(whole!.text).usage.completion_tokens).toBe(TOKENS);
  // The stream had its headers before.
  expect(whole!.headers['x-sluice-attempts']).toBe('3');
});

test('what was billed: an estimate for both calls whose end is unknown, and the answer', {
  timeout: REAP_LIMIT_MS,
}, async () => {
  await booksClosed(broker, REAP_LIMIT_MS);
  for (const answer of answers) {
    const rows = await ledgerRows(broker, answer.headers['x-request-id']);
    expect(rows).toMatchObject([
      { attempt: 1, provider: 'primary', state: 'unsettled', outcome: 'unknown' },
      { attempt: 2, provider: 'secondary', state: 'unsettled', outcome: 'unknown' },
      { attempt: 3, state: 'settled', outcome: 'ok', outputTokens: TOKENS },
    ]);
    for (const { costPicoUsd } of rows) expect(costPicoUsd).toBeGreaterThan(0n);
    const requestId = answer.headers['x-request-id']!;
    expectLedgerEqualsBill(
      rows.filter(({ outcome }) => outcome === 'ok'),
      { ...vendors, bill: () => vendors.bill(requestId).filter((entry) => entry.clientRequestId === `${requestId}.3`) },
    );
  }
});

test('what happens to the next request: it is answered, and nothing is left open', async () => {
  const next = await ask(broker.url, { model: 'pair', prompt: 'And then?' });
  expect(next).toMatchObject({ status: 200, headers: { 'x-sluice-attempts': '1' } });
  expect(await broker.redis.client.zcard(keys.openLeases)).toBe(0);
});
