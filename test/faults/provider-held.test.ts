// An operator puts a provider on hold during traffic: it gets no new calls, running calls continue, and waiting requests wait
// or use another provider. After its release it is used immediately, and never above its limit.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admin, readMetrics, readReadiness } from '#test/support/admin.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows, requestRow } from '#test/support/ledger.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

/** The limit of the broker and of the provider itself, which refuses calls above it. */
const CONCURRENCY = 10;
const WAITING = 150;
/** A hold is in every process's picture after half a second. */
const SEEN_MS = 700;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12, firstTokenMs: 30 });
  vendors.primary.change({ concurrency: CONCURRENCY });
  const configuration = providerConfiguration(vendors, { limits: { concurrency: CONCURRENCY } });
  Object.assign(configuration.models!, {
    first: { deployments: [deployment('primary', 'first')] },
    other: { deployments: [deployment('primary', 'other')] },
  });
  broker = await startBroker({ configuration, workers: 2, apis: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const isSeen = () => new Promise((resolve) => setTimeout(resolve, SEEN_MS));
const calls = () => vendors.primary.stats().calls;
const hold = async (what: object) => {
  expect((await admin(broker, 'POST', '/holds', { reason: 'maintenance', ...what })).status).toBe(201);
  await isSeen();
};

test('what the clients received: running streams completely, answers of other providers, and their own after the release', async () => {
  const running = openAnswer(broker.url, { stream: true, prompt: '[[sim tokens=60 pace=50]] running' });
  await waitFor('some tokens', () => readChatStream(running.text).tokens > 3);
  // Traffic continues while the hold is placed: some of it is in a worker's slot at that moment.
  const during = Array.from({ length: 20 }, (_, index) => ask(broker.url, { prompt: `during ${index}` }));
  await hold({ provider: 'primary' });
  const before = calls();

  const waiting = Array.from({ length: WAITING }, (_, index) =>
    ask(String(broker.apis[index % 2]!.details.url), { prompt: `waits ${index}` }),
  );
  const elsewhere = await ask(broker.url, { model: 'pair', prompt: 'Somebody else, please.' });
  expect(elsewhere).toMatchObject({ status: 200, headers: { 'x-sluice-provider': 'secondary' } });
  expect(readChatStream((await running.ended).text)).toMatchObject({ tokens: 60, isDone: true, error: null });

  const accepted = JSON.parse((await ask(broker.url, { prompt: 'later', headers: { prefer: 'respond-async' } })).text);
  const shown = await waitFor('it to wait for the release', async () => {
    const answer = await fetch(`${broker.url}/v1/requests/${accepted.id}`, {
      headers: { authorization: 'Bearer sk-sluice-test' },
    });
    const json = (await answer.json()) as { status: string; queue?: { waits_for: string | null } };
    return json.queue?.waits_for === 'provider:primary' ? json : null;
  });
  expect(shown.status).toBe('queued');
  expect(calls()).toBe(before);

  const ready = (await readReadiness(broker)) as { status: string; holds: object[] };
  expect(ready).toMatchObject({ status: 'ready', holds: [{ name: 'provider:primary', reason: 'maintenance' }] });
  expect(await readMetrics(broker)).toContain('sluice_held{name="provider:primary"} 1');
  const listed = (await (
    await fetch(`${broker.url}/v1/models`, { headers: { authorization: 'Bearer sk-sluice-test' } })
  ).json()) as { data: { id: string }[] };
  expect(listed.data.map(({ id }) => id)).toContain('solo');

  const releasedAtMs = Date.now();
  expect((await admin(broker, 'DELETE', '/holds/primary')).json).toEqual({ name: 'provider:primary', released: true });
  const answers = await Promise.all([...during, ...waiting]);
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  // They have not waited for the half minute after which a worker checks by itself.
  expect(Date.now() - releasedAtMs).toBeLessThan(10_000);
  const { timeline } = await requestRow(broker, accepted.id);
  expect(
    (JSON.parse(timeline) as { kind: string; reason?: string }[]).map(({ kind, reason }) => `${kind} ${reason}`),
  ).toContain('hold provider:primary');
  expect(vendors.primary.stats().rateLimited).toBe(0);
}, 60_000);

test('a deployment can be held alone', async () => {
  await hold({ deployment: 'primary/first' });
  const held = ask(broker.url, { model: 'first', prompt: 'held', headers: { 'x-sluice-deadline-ms': '2500' } });
  expect((await ask(broker.url, { model: 'other', prompt: 'not held' })).status).toBe(200);
  // The duration of the hold is unknown: the request waits as long as its client does.
  const answer = await held;
  expect(answer.status).toBe(408);
  expect(answer.durationMs).toBeGreaterThan(2_000);
  expect((await admin(broker, 'DELETE', `/holds/${encodeURIComponent('deployment:primary/first')}`)).status).toBe(200);
  await isSeen();
  expect((await ask(broker.url, { model: 'first', prompt: 'released' })).status).toBe(200);
});

test('an impossible hold or release is an error', async () => {
  expect((await admin(broker, 'POST', '/holds', { provider: 'nobody' })).json).toMatchObject({
    error: { code: 'invalid_value', message: expect.stringContaining('primary, secondary') },
  });
  expect((await admin(broker, 'POST', '/holds', { provider: 'primary', deployment: 'primary/solo' })).status).toBe(400);
  expect((await admin(broker, 'DELETE', '/holds/primary')).status).toBe(404);
  expect((await admin(broker, 'GET', '/holds')).json).toEqual({ data: [] });
});

test('what was billed: exactly the calls', async () => {
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});

test('what happens to the next request: it is answered, and the wait queues are empty', async () => {
  expect((await ask(broker.url, { prompt: 'And then?' })).status).toBe(200);
  expect(await broker.redis.client.keys('{sluice}:waiting:*')).toEqual([]);
});
