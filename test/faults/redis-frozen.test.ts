// Redis stops for ten seconds (SIGSTOP: a stuck disk, a long fork, a machine without memory) and continues. Running streams
// wait and lose nothing; new requests are refused in time to be sent elsewhere; nothing needs a restart.
import { setTimeout as lasting } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { expectWholeStreams } from '#test/support/expect-whole-streams.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

/** `FROZEN_MS=90000` runs it as long as operators have seen; it was last well on 2026-11-28. */
const FROZEN_MS = Number(process.env.FROZEN_MS ?? 10_000);
const STREAMS = 10;
/** Twelve seconds at a token every 20 ms: the streams are running when Redis freezes and when it continues. */
const TOKENS = 600;
/** A client that cannot be served gets an error in under two seconds. */
const REFUSED_WITHIN_MS = 2_000;

let vendors: Providers;
let broker: TestBroker;
let streams: Answer[];
let calls: Answer[];
let refused: Answer[];
let readiness: { status: number; checks: Record<string, boolean>; durationMs: number };

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  vendors.primary.change({ paceMs: 20 });
  broker = await startBroker({ configuration: providerConfiguration(vendors), workers: 2 });
  const openStreams = Array.from({ length: STREAMS }, (_, index) =>
    openAnswer(broker.url, { stream: true, prompt: promptOf(index) }),
  );
  const openCalls = Array.from({ length: STREAMS }, (_, index) =>
    ask(broker.url, { prompt: `[[sim tokens=12 first=5000]] Call ${index}.` }),
  );
  await waitFor('some tokens of each', () => openStreams.every(({ text }) => readChatStream(text).tokens > 10));
  await vendors.primary.until((stats) => stats.inFlight === 2 * STREAMS);

  broker.redis.freeze();
  const ends = lasting(FROZEN_MS);
  refused = await Promise.all([true, false].map((stream) => ask(broker.url, { stream, prompt: 'Refuse me.' })));
  readiness = await readReadiness();
  refused.push(await ask(broker.url, { prompt: 'Refuse me as well.' }));
  await ends;
  broker.redis.thaw();
  [streams, calls] = await Promise.all([Promise.all(openStreams.map(({ ended }) => ended)), Promise.all(openCalls)]);
}, FROZEN_MS + 50_000);
afterAll(async () => {
  broker?.redis.thaw();
  await broker?.stop();
  await vendors?.close();
});

const promptOf = (index: number) => `Stream ${index}.`;

async function readReadiness() {
  const startedAtMs = performance.now();
  const response = await fetch(`${broker.url}/readyz`);
  const { checks } = (await response.json()) as { checks: Record<string, boolean> };
  return { status: response.status, checks, durationMs: performance.now() - startedAtMs };
}

test('what clients with running requests received: everything, in order', async () => {
  await expectWholeStreams(streams, vendors, promptOf);
  for (const answer of calls) {
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text).usage.completion_tokens).toBe(12);
  }
});

test('what new clients received meanwhile: 503 with retry-after, within two seconds', () => {
  for (const { status, headers, text, durationMs } of refused) {
    expect(status).toBe(503);
    expect(headers).toMatchObject({ 'retry-after': '1', 'retry-after-ms': '1000' });
    expect(JSON.parse(text).error).toMatchObject({ code: 'queue_unavailable', type: 'server_error' });
    expect(durationMs).toBeLessThan(REFUSED_WITHIN_MS);
  }
});

test('what a load balancer got: not ready, because of Redis', () => {
  expect(readiness).toMatchObject({ status: 503, checks: { redis: false, database: true } });
  expect(readiness.durationMs).toBeLessThan(REFUSED_WITHIN_MS);
});

test('what was billed: each call once, nothing for refused requests', async () => {
  await booksClosed(broker);
  const rows = await ledgerRows(broker);
  expect(rows.map(({ outcome, state, attempt }) => `${outcome} ${state} ${attempt}`)).toEqual(
    Array(2 * STREAMS).fill('ok settled 1'),
  );
  expectLedgerEqualsBill(rows, vendors);
  expect(vendors.primary.stats().calls).toBe(2 * STREAMS);
  // What was sent for them reached Redis after the thaw, and wrote nothing that a worker could have taken.
  expect(await broker.redis.client.info('errorstats')).toMatch(/errorstat_LATE:count=\d/);
});

test('what happens to the next request: it is answered, without a restart', async () => {
  await waitFor('readiness', async () => (await readReadiness()).status === 200);
  const answers = await Promise.all(
    [true, false].map((stream) => ask(broker.url, { stream, prompt: '[[sim tokens=12]] And then?' })),
  );
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  const processes = [...broker.apis, ...broker.workers].map(({ child }) => child.exitCode ?? child.signalCode);
  expect(processes).toEqual([null, null, null]);
});
