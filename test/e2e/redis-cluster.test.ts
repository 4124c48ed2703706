// The broker with a Redis Cluster of three nodes: every script uses one slot, replies use sharded pub/sub.
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { readRedis, redisFindings } from '#src/cli/doctor/redis-findings.ts';
import { connectRedis, disconnectRedis } from '#src/storage/redis.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { startTestCluster, type TestCluster } from '#test/support/redis-cluster.ts';
import { waitFor } from '#test/support/wait.ts';

let cluster: TestCluster;
let simulator: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  cluster = await startTestCluster();
  simulator = await startSimulator({ tokens: 20, paceMs: 2 });
  const provider = {
    protocols: ['openai-chat' as const],
    base_url: `${simulator.url}/v1`,
    retries: { max: 1, base_ms: 5 },
  };
  broker = await startBroker({
    apis: 2,
    workers: 2,
    configuration: {
      redis: { cluster: cluster.urls },
      providers: {
        first: { ...provider, limits: { rpm: 10_000, tpm: 10_000_000, concurrency: 200 } },
        second: provider,
      },
      models: {
        m: {
          deployments: [
            { provider: 'first', model: 'm', price: { input: 1, output: 1 } },
            { provider: 'second', model: 'm', tier: 2, price: { input: 1, output: 1 } },
          ],
        },
      },
    },
  });
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
  await cluster?.stop();
});

async function ask(index: number, content: string, stream: boolean): Promise<string> {
  const url = String(broker.apis[index % 2]!.details.url);
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify({ model: 'm', stream, messages: [{ role: 'user', content }] }),
  });
  const text = await answer.text();
  expect(answer.status, text).toBe(200);
  return text;
}

test('sluice doctor checks every node', async () => {
  const address = { kind: 'cluster' as const, urls: cluster.urls };
  const redis = await connectRedis(address, 'producer', () => undefined);
  const facts = await readRedis(redis);
  disconnectRedis(redis);
  expect(facts.clusterState).toBe('ok');
  expect(facts.servers.map(({ info }) => info?.get('cluster_enabled'))).toEqual(['1', '1', '1']);
  const found = redisFindings(facts, address).map(({ finding }) => finding);
  expect(found.filter((finding) => finding.includes('appendonly is off'))).toHaveLength(3);
  expect(found.at(-1)).toMatch(/^no replica is connected to (127\.0\.0\.1:\d+(, )?){3}: failover/);
});

test('200 requests, streamed and not, some of them with a fallback to the other provider', {
  timeout: 60_000,
}, async () => {
  const texts = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      ask(index, `${index} ${index % 5 === 0 ? '[[sim fault=503 times=2]]' : ''}`, index % 2 === 0),
    ),
  );
  for (const [index, text] of texts.entries()) {
    expect(text.includes(index % 2 === 0 ? 'data: [DONE]' : '"finish_reason":"stop"')).toBe(true);
  }
  await waitFor(
    'the ledger',
    async () => (await broker.database.selectFrom('requests').selectAll().execute()).length === 200,
  );
  const entries = await broker.database.selectFrom('ledger_entries').selectAll().execute();
  expect(entries.length).toBe(simulator.stats().calls);
  expect(entries.filter((entry) => entry.provider === 'second').length).toBeGreaterThan(0);
});

test('records and logs are spread over the nodes', async () => {
  const nodes = cluster.client.nodes('master');
  const sizes = await Promise.all(nodes.map((node) => node.dbsize()));
  expect(sizes.every((size) => size > 0)).toBe(true);
});

test('a part of the cluster is down for two seconds: /readyz reports it, and nothing has to be restarted', {
  timeout: 60_000,
}, async () => {
  const { client, slot } = await ownerOf('{sluice}:probe');
  const readiness = async () =>
    (await fetch(`${broker.url}/readyz`)).json() as Promise<{ trouble?: { redis: string } }>;
  const running = Array.from({ length: 20 }, (_, index) =>
    ask(index, `[[sim pace=150]] Runs ${index}.`, index % 2 === 0),
  );
  await simulator.until((stats) => stats.inFlight === running.length);
  await client.cluster('DELSLOTS', slot);
  await waitFor('the trouble to be known', async () => /CLUSTERDOWN/.test((await readiness()).trouble?.redis ?? ''));
  await client.cluster('ADDSLOTS', slot);
  await Promise.all(running);
  await waitFor('readiness', async () => (await fetch(`${broker.url}/readyz`)).status === 200);
  await Promise.all([0, 1, 2, 3].map((index) => ask(index, `Afterwards ${index}.`, index % 2 === 0)));
  client.disconnect();
});

/** A connection to the node that serves a key. */
async function ownerOf(key: string): Promise<{ client: Redis; slot: number }> {
  const first = new Redis(cluster.urls[0]!);
  const slot = await first.cluster('KEYSLOT', key);
  const ranges = await first.cluster('SLOTS');
  first.disconnect();
  const [, , owner] = ranges.find(([from, to]) => from <= slot && slot <= to)!;
  const [host, port] = owner!;
  return { client: new Redis(port, host), slot };
}

test('large bodies, which are sent apart from the scripts that accept and claim their requests', async () => {
  const lengths = [70_000, 200_000, 400_000];
  await Promise.all(lengths.map((length, index) => ask(index, 'x'.repeat(length), index === 1)));
});
