// Symptom: after a failover behind one address (a managed Redis, a proxy, a Kubernetes service), all requests got 503 until
// Sluice was restarted. Cause: the old connections led to the demoted primary, which responds but accepts no writes, and
// nothing reopened them. Fix: a connection that gets such an error is reopened, and with it those that only listen; a write
// every second detects it otherwise, and /readyz reports it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { readChatStream } from '#test/support/chat-stream.ts';
import { type Answer, ask, openAnswer } from '#test/support/client.ts';
import { expectWholeStreams } from '#test/support/expect-whole-streams.ts';
import { booksClosed, expectLedgerEqualsBill, ledgerRows } from '#test/support/ledger.ts';
import { type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { startTcpProxy, type TcpProxy } from '#test/support/tcp-proxy.ts';
import { waitFor } from '#test/support/wait.ts';

const STREAMS = 20;
const TOKENS = 150;
/** Of a request that is refused: a client must not wait for it. */
const REFUSED_WITHIN_MS = 2_000;

let vendors: Providers;
let first: TestRedis;
let second: TestRedis;
let address: TcpProxy;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: TOKENS });
  [first, second] = await Promise.all([startTestRedis(), startTestRedis()]);
  address = await startTcpProxy(first);
  const sharedRedis = { ...first, url: address.url };
  broker = await startBroker({ configuration: providerConfiguration(vendors), workers: 2, batches: 1, sharedRedis });
});
afterAll(async () => {
  await broker?.stop();
  await address?.stop();
  await Promise.all([first?.stop(), second?.stop()]);
  await vendors?.close();
});

interface Ready {
  status: number;
  checks: Record<string, boolean>;
  trouble?: { redis?: string };
}

async function readiness(): Promise<Ready> {
  const response = await fetch(`${broker.url}/readyz`);
  return { ...((await response.json()) as Omit<Ready, 'status'>), status: response.status };
}

const isReady = () => waitFor('readiness', async () => (await readiness()).status === 200);

const REFUSALS: { refusal: string; begin: string[]; end: string[] }[] = [
  { refusal: 'READONLY', begin: ['replicaof 127.0.0.1 1'], end: ['replicaof no one'] },
  {
    refusal: 'MASTERDOWN',
    begin: ['config set replica-serve-stale-data no', 'replicaof 127.0.0.1 1'],
    end: ['replicaof no one', 'config set replica-serve-stale-data yes'],
  },
  {
    refusal: 'NOREPLICAS',
    begin: ['config set min-replicas-to-write 1'],
    end: ['config set min-replicas-to-write 0'],
  },
];

describe.each(REFUSALS)('Redis answers $refusal', ({ refusal, begin, end }) => {
  let refused: Answer;
  let trouble: Ready;

  async function command(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const [name, ...words] = line.split(' ');
      await first.client.call(name!, ...words);
    }
  }

  beforeAll(async () => {
    await command(begin);
    trouble = await waitFor('the trouble to be known', async () => {
      const ready = await readiness();
      // A readiness check that is running may have passed before the failure was noticed.
      return ready.trouble?.redis === undefined || ready.status === 200 ? null : ready;
    });
    refused = await ask(broker.url, { prompt: `While ${refusal}.` });
    await command(end);
  });

  test('what /readyz returns: not ready, with the reason', () => {
    expect(trouble).toMatchObject({ status: 503, checks: { redis: false, database: true } });
    // Which of the two errors a disconnected replica returns depends on the command; a connection to one does not even become
    // ready.
    const words = refusal === 'MASTERDOWN' ? /READONLY|MASTERDOWN|does not respond/ : new RegExp(refusal);
    expect(trouble.trouble?.redis).toMatch(words);
  });

  test('what the client received: 503 at once, with retry-after', () => {
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } });
    expect(refused.durationMs).toBeLessThan(REFUSED_WITHIN_MS);
  });

  test('what happens to the next request: it is answered, unstreamed and streamed', async () => {
    await isReady();
    const answers = await Promise.all([
      ask(broker.url, { prompt: `After ${refusal}.` }),
      ask(broker.url, { prompt: `Streamed after ${refusal}.`, stream: true }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });
});

describe('a failover behind one address', () => {
  let streams: Answer[];
  const promptOf = (index: number) => `Stream ${index}.`;

  beforeAll(async () => {
    await second.client.replicaof('127.0.0.1', first.port);
    await waitFor('the replica', async () => (await second.client.info('replication')).includes('link_status:up'));
    vendors.primary.change({ paceMs: 20 });
    const open = Array.from({ length: STREAMS }, (_, index) =>
      openAnswer(broker.url, { prompt: promptOf(index), stream: true }),
    );
    await waitFor('some tokens of each', () => open.every(({ text }) => readChatStream(text).tokens > 10));
    address.redirect(second);
    // Nothing is lost: writes wait until the replica has everything.
    await first.client.call('FAILOVER', 'TO', '127.0.0.1', String(second.port));
    await waitFor('the failover', async () => (await second.client.info('replication')).includes('role:master'));
    streams = await Promise.all(open.map(({ ended }) => ended));
  }, 30_000);

  test('what clients with running requests received: everything, in order', async () => {
    vendors.primary.change({ paceMs: 0 });
    await expectWholeStreams(streams, vendors, promptOf);
  });

  test('every connection to the old server is closed, subscribers and blocking ones too', async () => {
    await waitFor('the old server to be alone', async () => {
      const clients = String(await first.client.client('LIST')).split('\n');
      return clients.every((line) => !line.includes('name=sluice-'));
    });
  });

  test('what happens to the next requests: they are answered', async () => {
    await isReady();
    const answers = await Promise.all([1, 2, 3].map((index) => ask(broker.url, { prompt: `Next ${index}.` })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  test('what was billed: what was answered', async () => {
    await booksClosed({ ...broker, redis: second });
    expectLedgerEqualsBill(await ledgerRows(broker), vendors);
  });

  test('what is logged: a line per change, not per attempt', () => {
    const logs = [...broker.apis, ...broker.workers, ...broker.batches].map((running) => running.log());
    for (const log of logs) {
      const lines = log.split('\n').filter((line) => line.includes('"trouble with'));
      expect(lines.length).toBeGreaterThan(0);
      // Four outages, of Redis as several parts of the process see it.
      expect(lines.length, lines.join('\n')).toBeLessThan(60);
      expect(log).not.toMatch(/"stack"/);
    }
  });
});
