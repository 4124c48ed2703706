// `hold_back_tokens`: the first tokens of a stream are held back until there are enough. A provider that fails before that is
// replaced unnoticed, even by a different answer; a short answer is sent as a whole; after a later failure the answer is
// continued.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed, closedRows, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { readSpokenStream, SPOKEN, SPOKEN_PROTOCOLS, type SpokenName } from '#test/support/spoken-protocols.ts';

const HELD = 20;

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 60 });
  const configuration = providerConfiguration(vendors, { retries: { max: 0 }, circuit: { failures: 10_000 } });
  broker = await startBroker({ configuration: { ...configuration, server: { hold_back_tokens: HELD } } });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

async function play(client: SpokenName, prompt: string) {
  const spoken = SPOKEN_PROTOCOLS[client];
  const body = spoken.body({ model: 'pair', prompt, isStream: true });
  const answer = await ask(broker.url, { path: spoken.path('pair', true), body });
  const rows = await closedRows(broker, answer.headers['x-request-id']!);
  return { stream: readSpokenStream(client, answer.text), headers: answer.headers, rows };
}

test.each(SPOKEN)('%s: a provider that fails before its first content is replaced unnoticed', async (client) => {
  const { stream, headers, rows } = await play(client, `[[sim on=primary fault=cut@${HELD - 5}]] Early.`);
  expect(stream).toMatchObject({ isDone: true, error: null, mark: null });
  expect(headers).toMatchObject({ 'x-sluice-provider': 'secondary', 'x-sluice-attempts': '2' });
  expect(new Set(stream.ids.map((id) => id.split('-')[0])).size).toBeLessThanOrEqual(1);
  expect(rows).toMatchObject([{ outputTokens: HELD - 5 }, { state: 'settled', outcome: 'ok' }]);
});

test.each(SPOKEN)('%s: the answer of a provider that fails later is continued', async (client) => {
  const { stream, headers } = await play(client, `[[sim on=primary fault=cut@${HELD + 5}]] Late.`);
  expect(stream).toMatchObject({ isDone: true, error: null, mark: { rescued: true, attempts: 2 } });
  expect(headers).toMatchObject({ 'x-sluice-provider': 'primary', 'x-sluice-attempts': '1' });
});

test.each(SPOKEN)('%s: an answer shorter than that is complete', async (client) => {
  const { stream } = await play(client, '[[sim tokens=5]] Short.');
  expect(stream).toMatchObject({ isDone: true, error: null });
  expect(stream.text).toHaveLength(20);
});

test('what was billed: every attempt, as in the providers’ bills', async () => {
  await booksClosed(broker);
  expectLedgerEqualsBill(await ledgerRows(broker), vendors);
});
