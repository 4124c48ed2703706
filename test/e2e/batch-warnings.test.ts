// A batch that will exceed its window reports this as soon as it can be known: in its object, and by one event.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLines, ended, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

interface Forecast {
  x_sluice_eta: number | null;
  x_sluice_at_risk: boolean;
}

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  const configuration = { ...providerConfiguration(vendors), workers: { batch_slots: 4 }, batches: { open_lines: 20 } };
  broker = await startBroker({ configuration, together: true });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const eventsOf = async (id: string) => {
  const rows = await broker.database
    .selectFrom('events_outbox')
    .select('type')
    .where('subject_id', '=', id)
    .orderBy('created_at_ms')
    .execute();
  return rows.map(({ type }) => type);
};

test('a batch too large for its window is reported early, once, and the warning is withdrawn when the provider is faster', {
  timeout: 60_000,
}, async () => {
  const client = sdk(broker);
  vendors.primary.change({ firstTokenMs: 400 });
  // Four at a time and 400 ms each: 600 lines take a minute, these one and a half.
  const batch = await submit(client, chatLines(900), '1m');
  const look = async () => (await client.batches.retrieve(batch.id)) as unknown as Forecast;
  const warned = await waitFor('the warning', async () => ((await look()).x_sluice_at_risk ? look() : null), 30_000);
  expect(warned.x_sluice_eta).toBeGreaterThan(batch.expires_at!);
  expect(await eventsOf(batch.id)).toEqual(['batch.at_risk']);

  vendors.primary.change({ firstTokenMs: 0 });
  const done = await ended(client, batch.id, 50_000);
  expect(done).toMatchObject({ status: 'completed', x_sluice_at_risk: false, x_sluice_eta: null });
  expect(await eventsOf(batch.id)).toEqual(['batch.at_risk', 'batch.completed']);
});

test('a batch that is in time causes no warning', async () => {
  const client = sdk(broker);
  const { id } = await submit(client, chatLines(100), '1m');
  expect(await ended(client, id)).toMatchObject({ status: 'completed', x_sluice_at_risk: false });
  expect(await eventsOf(id)).toEqual(['batch.completed']);
});
