// A client disconnects: during its stream, during an unstreamed call, or while its request is waiting. The provider's call is
// closed within a second, or never made; what it may bill for a call that was made is recorded.
//
// Symptom: unstreamed calls whose clients had left were settled with cost 0. Cause: without a stream there was no estimate.
// Fix: whenever a sent call is ended, its prompt is recorded as an estimate.
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { ask, openAnswer } from '#test/support/client.ts';
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

/** The required bound: from the client's disconnection until the provider notices it. */
const CLOSED_WITHIN_MS = 1_000;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors);
  configuration.models!.full = { deployments: [deployment('primary', 'full', { limits: { concurrency: 1 } })] };
  configuration.models!.blocked = { deployments: [deployment('primary', 'blocked')] };
  configuration.providers!.unattended = provider(vendors.secondary);
  configuration.models!.unattended = { deployments: [deployment('unattended', 'unattended')] };
  broker = await startBroker({ configuration, workerArgs: ['--provider', 'primary'] });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

/** How long the provider continues after `leave`. */
async function hearsOfIt(leave: () => void): Promise<number> {
  const before = vendors.primary.stats().outcomes.aborted;
  const leftAtMs = performance.now();
  leave();
  await vendors.primary.until((stats) => stats.outcomes.aborted > before);
  return performance.now() - leftAtMs;
}

test('at token 5 of a stream', async () => {
  const answer = openAnswer(broker.url, { stream: true, prompt: '[[sim tokens=1000 pace=50]] I leave early.' });
  await waitFor('token 5', () => readChatStream(answer.text).tokens >= 5);
  const requestId = answer.headers['x-request-id']!;
  expect(await hearsOfIt(() => answer.abort())).toBeLessThan(CLOSED_WITHIN_MS);

  expect(await requestRow(broker, requestId)).toMatchObject({ outcome: 'request_cancelled' });
  await booksClosed(broker);
  const [row, ...more] = await ledgerRows(broker, requestId);
  const [billed] = vendors.bill(requestId);
  expect(row).toMatchObject({
    state: 'estimated',
    outcome: 'request_cancelled',
    inputTokens: billed!.usage.inputTokens,
  });
  expect(row!.outputTokens).toBeGreaterThanOrEqual(5);
  // The provider bills tokens that were on their way when the connection closed, but no one can see them.
  expect(row!.outputTokens).toBeLessThanOrEqual(billed!.usage.outputTokens);
  expect(more).toEqual([]);
});

test('at the first chunk, with the SDK', async () => {
  const client = new OpenAI({ baseURL: `${broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: '[[sim tokens=1000 pace=50]] I leave at once.' }];
  const chunks = await client.chat.completions.create({ model: 'solo', stream: true, messages });
  for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) break;
  await vendors.primary.until((stats) => stats.openStreams === 0);
});

test('during an unstreamed call', async () => {
  const answer = openAnswer(broker.url, { prompt: '[[sim first=60000]] I do not wait for it.' });
  await vendors.primary.until((stats) => stats.inFlight === 1);
  expect(await hearsOfIt(() => answer.abort())).toBeLessThan(CLOSED_WITHIN_MS);
  await booksClosed(broker);
  const row = (await ledgerRows(broker)).at(-1);
  expect(row).toMatchObject({ outcome: 'request_cancelled', state: 'estimated', outputTokens: 0 });
  expect(row!.inputTokens).toBeGreaterThan(0);
  expectLedgerEqualsBill([row!], vendors, row!.requestId);
});

test('while the request waits for a permit', async () => {
  const place = await holdPermit(broker, 'primary/full');
  const before = vendors.primary.stats().calls;
  const gone = openAnswer(broker.url, { model: 'full', prompt: 'I do not wait for my turn.' });
  await place.untilWaiting(1);
  const stays = ask(broker.url, { model: 'full', prompt: 'I wait for my turn.' });
  gone.abort();
  await waitFor('its outcome', () => outcomes('full'));
  await place.release();
  expect((await stays).status).toBe(200);
  await booksClosed(broker);
  expect(await outcomes('full')).toEqual(['ok', 'request_cancelled']);
  expect(vendors.primary.stats().calls).toBe(before + 1);
});

test('while the request waits in a queue that no worker takes from', async () => {
  const { client } = broker.redis;
  const gone = openAnswer(broker.url, { model: 'unattended', prompt: 'Nobody is there.' });
  const jobs = () => client.keys('{sluice:unattended}:unattended-interactive:req_*');
  const [job] = await waitFor('the job', async () => (await jobs()).length === 1 && jobs());
  const requestId = /req_[0-9a-z]+/.exec(job!)![0];
  gone.abort();
  expect(await requestRow(broker, requestId)).toMatchObject({ outcome: 'request_cancelled', attempts: 0n });
  await waitFor('its keys to go', async () => (await client.keys(`*${requestId}*`)).length === 0);
  expect(vendors.secondary.stats().calls).toBe(0);
});

// Symptom: a request that was parked after an attempt, and whose client then disconnected, was recorded without attempts.
// Cause: the API settled it as if no worker had ever had it. Fix: `cancel` returns the progress of the request.
test('while the request waits in the queue for the provider’s retry-after', async () => {
  const { client } = broker.redis;
  const gone = openAnswer(broker.url, { model: 'blocked', prompt: '[[sim fault=429:30000]] I do not wait so long.' });
  const delayed = () => client.zrange('{sluice:primary}:primary-interactive:delayed', '0', '-1');
  const [job] = await waitFor('the job to be parked', async () => (await delayed()).length === 1 && delayed());
  gone.abort();
  const requestId = /req_[0-9a-z]+/.exec(job!)![0];
  expect(await requestRow(broker, requestId)).toMatchObject({ outcome: 'request_cancelled', attempts: 1n });
  expect(await ledgerRows(broker, requestId)).toMatchObject([{ outcome: 'upstream_rate_limited', costPicoUsd: 0n }]);
  await waitFor('its keys to go', async () => (await client.keys(`*${requestId}*`)).length === 0);
});

test('what happens to the next request: it is answered', async () => {
  expect((await ask(broker.url, { model: 'full', prompt: 'And then?' })).status).toBe(200);
  await vendors.primary.until(({ inFlight, openStreams }) => inFlight === 0 && openStreams === 0);
});

/** How requests for a model ended, in alphabetical order; null while none has ended. */
async function outcomes(model: string): Promise<string[] | null> {
  const rows = await broker.database.selectFrom('requests').select('outcome').where('model', '=', model).execute();
  return rows.length === 0 ? null : rows.map(({ outcome }) => outcome).sort();
}
