// Hedging with limits, records and ledger on different servers: a Redis Cluster with limits and requests on different nodes,
// and PostgreSQL; each with several credentials of the second provider.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { mapConcurrently } from '#test/support/map-concurrently.ts';
import { startTestPostgres, type TestPostgres } from '#test/support/postgres-server.ts';
import { deployment, type Providers, provider, startProviders } from '#test/support/providers.ts';
import { startTestCluster, type TestCluster } from '#test/support/redis-cluster.ts';
import { waitFor } from '#test/support/wait.ts';

const TOKENS = 8;
const WARM_UP = 20;
const keys = createKeyspace('sluice');

interface Stores {
  cluster: TestCluster | null;
  postgres: TestPostgres | null;
}

const hedged = (name: string, afterMs: number) => ({
  deployments: [deployment('primary', name), deployment('secondary', name, { tier: 2 })],
  hedge: { after_ms: afterMs, max_share_percent: 100, max_extra_cost_percent: 100 },
});

const STORES = {
  'a Redis Cluster': async (): Promise<Stores> => ({ cluster: await startTestCluster(), postgres: null }),
  PostgreSQL: async (): Promise<Stores> => ({ cluster: null, postgres: await startTestPostgres() }),
};

describe.each(Object.entries(STORES))('on %s', (name, start) => {
  let stores: Stores;
  let vendors: Providers;
  let broker: TestBroker;

  beforeAll(async () => {
    stores = await start();
    vendors = await startProviders({ tokens: TOKENS });
    const { api_key: _, ...keyless } = provider(vendors.secondary);
    const credential = (letter: string) => ({ api_key: `sk-${letter}-0123456789`, limits: { concurrency: 1 } });
    broker = await startBroker({
      ...(stores.postgres === null ? {} : { databaseUrl: stores.postgres.url }),
      configuration: {
        ...(stores.cluster === null ? {} : { redis: { cluster: stores.cluster.urls } }),
        providers: {
          primary: provider(vendors.primary),
          secondary: { ...keyless, credentials: { a: credential('a'), b: credential('b') } },
        },
        models: { pair: hedged('pair', 300), late: hedged('late', 1_500) },
      },
    });
    const client = stores.cluster?.client ?? broker.redis.client;
    const answers = async (model: string) =>
      Object.entries(await client.hgetall(keys.hedges(model))).reduce(
        (sum, [field, value]) => sum + (field.startsWith('r') ? Number(value) : 0),
        0,
      );
    for (const model of ['pair', 'late']) {
      for (let count = 0; count < WARM_UP; count++) await ask(broker.url, { model, prompt: `Warm up ${count}.` });
      await waitFor(`answers of ${model} to be counted`, async () => (await answers(model)) >= WARM_UP);
    }
  }, 120_000);
  afterAll(async () => {
    await broker?.stop();
    await vendors?.close();
    await stores?.cluster?.stop();
    await stores?.postgres?.stop();
  });

  test('two of three slow requests are hedged, each with its own credential; no credential is free for the third', async () => {
    const prompt = '[[sim on=primary fault=slow:2500]] [[sim on=secondary fault=slow:1200]] Slow';
    const answers = await mapConcurrently([1, 2, 3], 3, (index) =>
      ask(broker.url, { model: 'pair', prompt: `${prompt} ${index}.`, stream: true }),
    );
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 200, ending: 'whole' });
      expect(readChatStream(answer.text)).toMatchObject({ error: null, isDone: true, tokens: TOKENS });
    }
    const byProvider = answers.map(({ headers }) => headers['x-sluice-provider']).sort();
    expect(byProvider).toEqual(['primary', 'secondary', 'secondary']);
    const rows = await waitFor('the books', async () => {
      const ids = answers.map(({ headers }) => headers['x-request-id']!);
      const select = broker.database.selectFrom('ledger_entries').selectAll().where('request_id', 'in', ids);
      const found = await select.execute();
      return found.length === 5 ? found : null;
    });
    expect(rows.map((row) => `${row.attempt} ${row.provider} ${row.credential} ${row.outcome}`).sort()).toEqual([
      ...['1 primary null hedge_lost', '1 primary null hedge_lost', '1 primary null ok'],
      ...['2 secondary a ok', '2 secondary b ok'],
    ]);
  });

  test('the cost of both is in the ledger', async () => {
    const answer = await ask(broker.url, { model: 'pair', prompt: '[[sim on=primary fault=slow:60000]] Cost.' });
    const { cost } = JSON.parse(answer.text).usage as { cost: number };
    const rows = await waitFor('the books', async () => {
      const id = answer.headers['x-request-id']!;
      const select = broker.database.selectFrom('ledger_entries').selectAll().where('request_id', '=', id);
      const found = await select.execute();
      return found.length === 2 ? found : null;
    });
    expect(rows.reduce((sum, row) => sum + BigInt(row.cost_pico_usd), 0n)).toBe(BigInt(Math.round(cost * 1e12)));
  });

  // On one server the pause would hold up everything.
  if (name !== 'a Redis Cluster') return;
  test('an answer does not wait for a hedge that is being started', { timeout: 60_000 }, async () => {
    const limits = await ownerOf(stores.cluster!, keys.hedges('pair'));
    const before = vendors.secondary.stats().calls;
    const answers = Array.from({ length: 12 }, (_, index) =>
      openAnswer(broker.url, {
        model: 'late',
        prompt: `[[sim on=primary first=3000]] Opening ${index}.`,
        stream: true,
      }),
    );
    await vendors.primary.until(({ inFlight }) => inFlight === answers.length);
    // From now on no hedge is admitted, and none refused. Records and logs of most requests are on other nodes.
    await limits.call('CLIENT', 'PAUSE', '30000', 'WRITE');
    expect(vendors.secondary.stats().calls).toBe(before);
    try {
      let whole = 0;
      for (const { ended } of answers) void ended.then(({ ending }) => ending === 'whole' && whole++);
      await waitFor('a whole answer', () => whole > 0, 10_000);
    } finally {
      await limits.call('CLIENT', 'UNPAUSE');
      limits.disconnect();
    }
    for (const { ended } of answers) expect(await ended).toMatchObject({ status: 200, ending: 'whole' });
  });
});

/** A connection to the node that serves a key. */
async function ownerOf({ client }: TestCluster, key: string): Promise<Redis> {
  const slot = await client.cluster('KEYSLOT', key);
  const ranges = await client.cluster('SLOTS');
  const [, , owner] = ranges.find(([from, to]) => from <= slot && slot <= to)!;
  const [host, port] = owner!;
  return new Redis(port, host);
}
