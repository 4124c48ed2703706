// A real Redis per test file: the machine's own redis-server or valkey-server, or a container if there is a Docker engine. It
// can be frozen, killed and restarted on the same port, as fault tests require.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { endWithParent } from './end-with-parent.ts';

export interface TestRedis {
  url: string;
  port: number;
  /** A plain client for looking at what is there. */
  client: Redis;
  /** SIGSTOP: connections stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; with `appendonly`, data is there again after `restart`. */
  kill(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestRedisOptions {
  appendOnly?: boolean;
  /** More settings, as on the command line. */
  args?: readonly string[];
}

const READY_LIMIT_MS = 10_000;

export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-redis-'));
  const port = await freePort();
  const command = findServer();
  const launch = () =>
    command === null ? launchContainer(port, directory, options) : launchLocal(command, port, directory, options);
  let server = await launch();
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on('error', () => undefined);

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    client,
    freeze: () => server.freeze(),
    thaw: () => server.thaw(),
    kill: () => server.kill(),
    async restart() {
      await server.kill();
      server = await launch();
    },
    async stop() {
      client.disconnect();
      await server.kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

interface ServerProcess {
  freeze(): void;
  thaw(): void;
  kill(): Promise<void>;
}

function settings(options: TestRedisOptions): string[] {
  const args = ['--save', '', '--hz', '100', '--appendonly', options.appendOnly ? 'yes' : 'no'];
  return [...args, ...(options.args ?? [])];
}

async function launchLocal(
  command: string,
  port: number,
  directory: string,
  options: TestRedisOptions,
): Promise<ServerProcess> {
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...settings(options)];
  // A server that may write no further byte (full-disk.ts) gets an error, as from a full disk, and not the signal that ends it.
  const child = spawn('sh', ['-c', `trap '' XFSZ; exec "$0" "$@"`, command, ...args], { stdio: 'ignore' });
  endWithParent(child);
  await untilAnswering(port);
  return {
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await exited;
    },
  };
}

const REDIS_IMAGE = 'redis:7-alpine';

/** Its data is in the test's directory, so that it survives the container as it survives the process. */
async function launchContainer(port: number, directory: string, options: TestRedisOptions): Promise<ServerProcess> {
  // A heavy module that nearly no run needs.
  const { GenericContainer } = await import('testcontainers');
  const container = await new GenericContainer(REDIS_IMAGE)
    .withExposedPorts({ container: 6379, host: port })
    .withBindMounts([{ source: directory, target: '/data' }])
    .withCommand(['redis-server', ...settings(options)])
    .start();
  const docker = (command: string) => void spawnSync('docker', [command, container.getId()], { stdio: 'ignore' });
  await untilAnswering(port);
  return {
    freeze: () => docker('pause'),
    thaw: () => docker('unpause'),
    async kill() {
      docker('kill');
      await container.stop();
    },
  };
}

async function untilAnswering(port: number): Promise<void> {
  const client = new Redis({
    port,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
  });
  client.on('error', () => undefined);
  const timer = setTimeout(() => client.disconnect(), READY_LIMIT_MS);
  await client.ping();
  clearTimeout(timer);
  client.disconnect();
}

/** Searched once per process. */
let foundServer: string | null | undefined;

/** Null where a container must do. */
function findServer(): string | null {
  if (foundServer === undefined) foundServer = lookForServer();
  return foundServer;
}

function lookForServer(): string | null {
  const found = ['redis-server', 'valkey-server'].find((name) => spawnSync(name, ['--version']).status === 0);
  if (found !== undefined) return found;
  if (spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 }).status === 0) return null;
  throw new Error('tests need redis-server or valkey-server (apt-get install redis-server), or a Docker engine');
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
