// Three Redis nodes as one cluster, each owning a third of the slots. No replicas.
import { Cluster, Redis } from 'ioredis';
import { startTestRedis, type TestRedis } from './redis-server.ts';
import { waitFor } from './wait.ts';

export interface TestCluster {
  urls: string[];
  client: Cluster;
  stop(): Promise<void>;
}

const NODES = 3;
const SLOTS = 16_384;

export async function startTestCluster(): Promise<TestCluster> {
  const nodes = await Promise.all(
    Array.from({ length: NODES }, () => startTestRedis({ args: ['--cluster-enabled', 'yes'] })),
  );
  await Promise.all(nodes.map((node, index) => ownSlots(node, index)));
  for (const node of nodes.slice(1)) await nodes[0]!.client.call('CLUSTER', 'MEET', '127.0.0.1', String(node.port));
  await waitFor('the cluster', async () => {
    const states = await Promise.all(nodes.map((node) => node.client.call('CLUSTER', 'INFO')));
    return states.every(
      (state) => String(state).includes('cluster_state:ok') && String(state).includes(`cluster_known_nodes:${NODES}`),
    );
  });
  const client = new Cluster(nodes.map((node) => ({ host: '127.0.0.1', port: node.port })));
  client.on('error', () => undefined);
  return {
    urls: nodes.map((node) => node.url),
    client,
    async stop() {
      client.disconnect();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

async function ownSlots(node: TestRedis, index: number): Promise<void> {
  const first = Math.floor((SLOTS / NODES) * index);
  const last = Math.floor((SLOTS / NODES) * (index + 1)) - 1;
  const direct = new Redis(node.port);
  await direct.call('CLUSTER', 'ADDSLOTSRANGE', String(first), String(last));
  direct.disconnect();
}
