// One event of a stream is not JSON, and the provider continues as if nothing had happened. It is not known what is missing, so
// the provider's stream is abandoned. Another provider continues the answer, or the client gets an error event.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { ask } from '#test/support/client.ts';
import { closedRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  vendors.primary.change({ paceMs: 20 });
  broker = await startBroker({ configuration: providerConfiguration(vendors) });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const TOKENS = 1_000;
const PROMPT = `[[sim tokens=${TOKENS}]] [[sim on=primary fault=malformed_once@5]]`;

async function play(model: string) {
  const answer = await ask(broker.url, { model, stream: true, prompt: PROMPT });
  await vendors.primary.until((stats) => stats.inFlight === 0);
  const requestId = answer.headers['x-request-id']!;
  return { stream: readChatStream(answer.text), requestId, rows: await closedRows(broker, requestId) };
}

const GIVEN_UP = { provider: 'primary', state: 'estimated', outcome: 'upstream_malformed', outputTokens: 5 };

test('without another deployment: an error event after a second try', async () => {
  const { stream, requestId, rows } = await play('solo');
  const { tokens, isDone, error } = stream;
  expect({ tokens, isDone, code: error?.code }).toEqual({ tokens: 5, isDone: false, code: 'upstream_malformed' });
  expect(rows).toMatchObject([GIVEN_UP, GIVEN_UP]);
  // The provider bills what it had sent before it noticed the disconnection.
  for (const billed of vendors.bill(requestId)) {
    expect(billed).toMatchObject({ outcome: 'aborted', usage: { inputTokens: rows[0]!.inputTokens } });
    expect(billed.usage.outputTokens).toBeGreaterThanOrEqual(5);
    expect(billed.usage.outputTokens).toBeLessThan(TOKENS);
  }
});

test('with a second provider: the complete answer', async () => {
  const { stream, rows } = await play('pair');
  expect(stream).toMatchObject({ tokens: TOKENS, isDone: true, error: null });
  expect(rows).toMatchObject([GIVEN_UP, GIVEN_UP, { provider: 'secondary', state: 'settled', outcome: 'ok' }]);
});

test('what happens to the next request: it is answered by the same provider', async () => {
  const next = await ask(broker.url, { model: 'pair', stream: true, prompt: 'And then?' });
  expect(next.headers['x-sluice-provider']).toBe('primary');
  expect(readChatStream(next.text)).toMatchObject({ tokens: 12, isDone: true, error: null });
});
