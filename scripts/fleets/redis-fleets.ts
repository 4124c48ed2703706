// The kinds of Redis that an installation may use, on loopback, each with a way to kill its primary.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { endWithParent } from '#test/support/end-with-parent.ts';
import { freePort, type TestRedis } from '#test/support/redis-server.ts';
import { waitFor } from '#test/support/wait.ts';

export interface RedisFleet {
  settings: NonNullable<ConfigurationInput['redis']>;
  /** One of the servers, for the test harness. */
  any: TestRedis;
  /** Kills a primary, which the others must replace; null if there is no failover. */
  fail: (() => Promise<void>) | null;
  stop(): Promise<void>;
}

/** Resolves to a text if the kind is not available here: the reason. */
export const FLEETS: Record<string, () => Promise<RedisFleet | string>> = {
  cluster: startCluster,
  sentinel: startSentinels,
  valkey: async () => (has('valkey-server') ? startSingle('valkey-server') : 'valkey-server is not installed'),
  managed: startManaged,
};

const has = (command: string) => spawnSync(command, ['--version']).status === 0;

interface Server {
  port: number;
  kill(): Promise<void>;
}

class Servers {
  readonly directory = mkdtempSync(join(tmpdir(), 'sluice-fleet-'));
  readonly #children: ChildProcess[] = [];

  async start(args: readonly string[], command = 'redis-server', taken?: number): Promise<Server> {
    const port = taken ?? (await freePort());
    const directory = mkdtempSync(join(this.directory, 'server-'));
    const common = ['--bind', '127.0.0.1', '--dir', directory, '--save', ''];
    const ports = args.includes('--tls-port') ? ['--port', '0'] : ['--port', String(port)];
    const child = endWithParent(spawn(command, [...args, ...ports, ...common], { stdio: 'ignore' }));
    this.#children.push(child);
    const cli = args.includes('--tls-port') ? null : ['-p', String(port), 'ping'];
    if (cli !== null)
      await waitFor('Redis', () => spawnSync('redis-cli', cli, { encoding: 'utf8' }).stdout.includes('PONG'), 20_000);
    return { port, kill: () => end(child) };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map(end));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await exited;
}

const nothing = () => undefined;

function harness(port: number): TestRedis {
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true });
  client.on('error', nothing);
  const never = () => Promise.reject(new Error('not available'));
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    freeze: nothing,
    thaw: nothing,
    kill: never,
    restart: never,
    stop: never,
  };
}

const urlOf = ({ port }: Server) => `redis://127.0.0.1:${port}`;

/** Three primaries with one replica each. */
async function startCluster(): Promise<RedisFleet> {
  const servers = new Servers();
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--appendonly', 'yes'];
  const nodes = await Promise.all(Array.from({ length: 6 }, () => servers.start(args)));
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const made = spawnSync(
    'redis-cli',
    ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes'],
    {
      encoding: 'utf8',
    },
  );
  if (!made.stdout.includes('All 16384 slots covered')) throw new Error(made.stdout + made.stderr);
  await waitFor('the replicas', () => info(nodes[0]!, 'cluster', 'info').includes('cluster_state:ok'), 20_000);
  return {
    settings: { cluster: nodes.map(urlOf) },
    any: harness(nodes[0]!.port),
    // Kills the primary with the core's slot: limits, ledger, budgets.
    fail: async () => {
      const slot = info(nodes[0]!, 'cluster', 'keyslot', '{sluice}:probe').trim();
      const owner = ownerOf(info(nodes[0]!, 'cluster', 'nodes'), Number(slot));
      await nodes.find(({ port }) => port === owner)!.kill();
    },
    stop: () => servers.stop(),
  };
}

function info({ port }: Server, ...command: string[]): string {
  return spawnSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8' }).stdout;
}

function ownerOf(nodes: string, slot: number): number {
  for (const line of nodes.split('\n')) {
    const [, address, , , , , , , ...ranges] = line.split(' ');
    const isOwner = ranges.some((range) => {
      const [from, to] = range.split('-').map(Number);
      return from! <= slot && slot <= (to ?? from!);
    });
    if (isOwner) return Number(/:(\d+)@/.exec(address!)![1]);
  }
  throw new Error(`no server has slot ${slot}`);
}

/** One primary, one replica, three sentinels. */
async function startSentinels(): Promise<RedisFleet> {
  const servers = new Servers();
  const primary = await servers.start(['--appendonly', 'yes']);
  await servers.start(['--appendonly', 'yes', '--replicaof', '127.0.0.1', String(primary.port)]);
  const sentinels: Server[] = [];
  for (let index = 0; index < 3; index++) {
    const port = await freePort();
    const file = join(servers.directory, `sentinel-${index}.conf`);
    const lines = [
      `sentinel monitor main 127.0.0.1 ${primary.port} 2`,
      'sentinel down-after-milliseconds main 1500',
      'sentinel failover-timeout main 5000',
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    sentinels.push(await servers.start([file, '--sentinel'], 'redis-server', port));
  }
  const knows = (sentinel: Server) =>
    /num-slaves\n1\n[\s\S]*num-other-sentinels\n2\n/.test(info(sentinel, 'sentinel', 'master', 'main'));
  await waitFor('the sentinels', () => sentinels.every(knows), 30_000);
  return {
    settings: { sentinel: { urls: sentinels.map(urlOf), name: 'main' } },
    any: harness(primary.port),
    fail: () => primary.kill(),
    stop: () => servers.stop(),
  };
}

async function startSingle(command: string): Promise<RedisFleet> {
  const servers = new Servers();
  const server = await servers.start(['--appendonly', 'yes'], command);
  return { settings: { url: urlOf(server) }, any: harness(server.port), fail: null, stop: () => servers.stop() };
}

/**
 * Like a managed Redis service: TLS with a private certificate authority, and a user with access to keys, channels and scripts
 * but not to administrative commands such as CONFIG.
 */
async function startManaged(): Promise<RedisFleet | string> {
  if (!has('openssl') && spawnSync('openssl', ['version']).status !== 0) return 'openssl is not installed';
  const servers = new Servers();
  const at = (name: string) => join(servers.directory, name);
  const openssl = (...args: string[]) => spawnSync('openssl', args, { cwd: servers.directory, stdio: 'ignore' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=authority',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=redis', '-keyout', 'redis.key', '-out', 'redis.csr');
  writeFileSync(at('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
  openssl(
    'x509',
    '-req',
    '-in',
    'redis.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'redis.crt',
  );
  const rights = ['~*', '&*', '+@all', '-@admin', '-@dangerous', '+info', '+keys'];
  writeFileSync(at('users.acl'), `user default off\nuser sluice on >secret ${rights.join(' ')}\n`);
  const port = await freePort();
  const tls = ['--tls-port', String(port), '--tls-cert-file', at('redis.crt'), '--tls-key-file', at('redis.key')];
  const args = [...tls, '--tls-ca-cert-file', at('ca.crt'), '--tls-auth-clients', 'no', '--aclfile', at('users.acl')];
  await servers.start([...args, '--appendonly', 'yes'], 'redis-server', port);
  const url = `rediss://sluice:secret@127.0.0.1:${port}`;
  await waitFor('Redis over TLS', () => {
    const ping = ['--tls', '--cacert', at('ca.crt'), '-u', url, 'ping'];
    return spawnSync('redis-cli', ping, { encoding: 'utf8' }).stdout.includes('PONG');
  });
  // Node reads additional certificate authorities from the environment when it starts.
  process.env.NODE_EXTRA_CA_CERTS = at('ca.crt');
  return { settings: { url }, any: harness(port), fail: null, stop: () => servers.stop() };
}
