// Sluice's embedded Redis, for one machine: the system's redis-server or valkey-server as a child process, with an append-only
// file, a password, and a port on loopback. If it ends unexpectedly it is restarted on the same files and port, until it runs.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join, resolve } from 'node:path';

export interface EmbeddedRedis {
  /** TCP on loopback, for every user of this machine who has the password. */
  url: string;
  /** For processes of this user: a Unix socket where possible, because it costs less than TCP. */
  socketUrl: string;
  /** Writes everything to disk and ends. */
  stop(): Promise<void>;
}

interface SavedAccess {
  port: number;
  password: string;
}

/** Oldest versions with every feature in use (sharded pub/sub). */
const SERVERS = [
  { command: 'redis-server', minimum: [7, 0] },
  { command: 'valkey-server', minimum: [7, 2] },
] as const;

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;
/** Also long enough for a server that writes its data before it ends. */
const ANSWER_LIMIT_MS = 15_000;
const RESTART_FIRST_MS = 250;
const RESTART_LONGEST_MS = 10_000;
/** After running this long, the restart backoff starts over. */
const HEALTHY_MS = 60_000;
const ACCESS_FILE = 'redis.json';
export const REDIS_LOG = 'redis.log';

const SETTINGS = [
  ['appendonly', 'yes'],
  ['appendfsync', 'everysec'],
  ['save', ''],
  ['maxmemory-policy', 'noeviction'],
  // Delayed jobs start up to 95 ms late at the default of 10 (docs/reference/bullmq-and-ioredis.md section 2).
  ['hz', '100'],
  ['hash-max-listpack-value', '512'],
  ['client-output-buffer-limit', 'pubsub 64mb 16mb 30'],
  ['tcp-keepalive', '60'],
  ['bind', '127.0.0.1'],
  ['protected-mode', 'yes'],
] as const;

/** Command of an installed server that is new enough, or null. */
export function findRedisServer(): string | null {
  for (const { command, minimum } of SERVERS) {
    const { stdout, status } = spawnSync(command, ['--version'], { encoding: 'utf8' });
    const version = /v=(\d+)\.(\d+)/.exec(stdout ?? '');
    if (status !== 0 || version === null) continue;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return command;
  }
  return null;
}

/** URL of the Redis of a running or stopped `sluice start`, or null. */
export function embeddedRedisUrl(directory: string): string | null {
  const access = readAccess(join(directory, ACCESS_FILE));
  return access === null ? null : urlOf(access);
}

/** Limit of the operating system: 108 bytes on Linux, 104 elsewhere, including the terminating zero. */
const LONGEST_SOCKET_PATH = 103;

/** Null if the path is too long for a socket. */
function socketPath(directory: string): string | null {
  const path = join(resolve(directory), 'redis.sock');
  return Buffer.byteLength(path) <= LONGEST_SOCKET_PATH && process.platform !== 'win32' ? path : null;
}

function socketUrlOf(directory: string, access: SavedAccess): string {
  const path = socketPath(directory);
  return path === null ? urlOf(access) : `unix://${encodeURI(path)}?password=${access.password}`;
}

function urlOf({ password, port }: SavedAccess): string {
  return `redis://:${password}@127.0.0.1:${port}`;
}

/**
 * Starts Redis on the files under `directory`, with the data of the previous start. A server that a killed start left
 * running is stopped first. Rejects with a message that says what to do.
 * @param onDeath called when it ended unexpectedly or did not start; it is restarted after `waitMs`.
 */
export async function startEmbeddedRedis(
  directory: string,
  onDeath: (how: string, waitMs: number) => void,
): Promise<EmbeddedRedis> {
  const command = findRedisServer();
  if (command === null) {
    throw new Error(
      'no redis-server (7.0 or newer) or valkey-server (7.2 or newer) is installed; install one, or set SLUICE_REDIS_URL',
    );
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const accessPath = join(directory, ACCESS_FILE);
  const former = readAccess(accessPath);
  if (former !== null) await endServer(former);
  const access = { port: await freePort(former?.port), password: former?.password ?? randomBytes(24).toString('hex') };
  writeFileSync(accessPath, JSON.stringify(access), { mode: 0o600 });

  let server = launchServer(command, directory, access);
  await waitUntilReady(access, server.exited, directory);
  let isStopping = false;
  let waitMs = RESTART_FIRST_MS;

  function watch(bornAtMs: number): void {
    void server.exited.then((how) => {
      if (isStopping) return;
      if (Date.now() - bornAtMs > HEALTHY_MS) waitMs = RESTART_FIRST_MS;
      onDeath(how, waitMs);
      setTimeout(() => {
        if (isStopping) return;
        server = launchServer(command as string, directory, access);
        watch(Date.now());
      }, waitMs);
      waitMs = Math.min(waitMs * 2, RESTART_LONGEST_MS);
    });
  }

  watch(Date.now());
  return {
    url: urlOf(access),
    socketUrl: socketUrlOf(directory, access),
    async stop() {
      isStopping = true;
      server.child.kill('SIGTERM');
      const timer = setTimeout(() => server.child.kill('SIGKILL'), STOP_LIMIT_MS);
      await server.exited;
      clearTimeout(timer);
    },
  };
}

interface Server {
  child: ChildProcess;
  /** Resolves with the reason when Redis ends. */
  exited: Promise<string>;
}

function launchServer(command: string, directory: string, access: SavedAccess): Server {
  const child = spawnServer(command, directory, access);
  const exited = new Promise<string>((resolveExit) => {
    child.once('exit', (code, signal) => resolveExit(signal ?? `exit code ${code}`));
    child.once('error', (error) => resolveExit(error.message));
  });
  // It may end before it reads its configuration.
  child.stdin!.on('error', () => undefined);
  return { child, exited };
}

/** The configuration is passed by standard input: every user could see a password among the arguments. */
function spawnServer(command: string, directory: string, access: SavedAccess): ChildProcess {
  const log = openSync(join(directory, REDIS_LOG), 'a', 0o600);
  const child = spawn(command, ['-'], { cwd: directory, stdio: ['pipe', log, log], detached: true });
  closeSync(log);
  const settings = [
    ...SETTINGS,
    ['port', String(access.port)],
    ['requirepass', access.password],
    ['dir', resolve(directory)],
  ];
  const socket = socketPath(directory);
  if (socket !== null) settings.push(['unixsocket', socket], ['unixsocketperm', '600']);
  child.stdin!.end(settings.map(([name, value]) => `${name} ${quote(name!, value!)}`).join('\n'));
  return child;
}

/** Several words are several arguments, except in paths. */
function quote(name: string, value: string): string {
  return value === '' || name === 'dir' || name === 'unixsocket' ? JSON.stringify(value) : value;
}

function readAccess(path: string): SavedAccess | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as SavedAccess;
  } catch {
    return null;
  }
}

/**
 * Sends one command and returns what the server has sent until it closes the connection or has answered; empty if no server
 * listens. Uses inline commands (redis.io/docs/latest/develop/reference/protocol-spec), because a client library would take more
 * memory than everything else in the supervising process.
 */
function askServer(
  { port, password }: SavedAccess,
  command: string,
  isWhole: (answer: string) => boolean,
): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = createConnection(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\n${command}\r\n`));
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy());
    socket.on('data', (piece: Buffer) => {
      answer += piece.toString('latin1');
      if (isWhole(answer)) socket.destroy();
    });
    socket.on('error', () => undefined);
    socket.once('close', () => resolve(answer));
  });
}

/** A large append-only file takes long to load; the server answers that it is loading. */
async function waitUntilReady(access: SavedAccess, exited: Promise<string>, directory: string): Promise<void> {
  let end: string | null = null;
  void exited.then((how) => {
    end = how;
  });
  const untilMs = Date.now() + START_LIMIT_MS;
  while (Date.now() < untilMs) {
    if (end !== null) throw new Error(`Redis did not start (${end}); see ${join(directory, 'redis.log')}`);
    const isPong = (answer: string) => answer.includes('+PONG\r\n');
    if (isPong(await askServer(access, 'PING', (answer) => isPong(answer) || answer.includes('-LOADING')))) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`Redis was not ready within ${START_LIMIT_MS / 1_000} s; see ${join(directory, 'redis.log')}`);
}

/** Does nothing if no server listens there, or another program does. */
async function endServer(access: SavedAccess): Promise<void> {
  await askServer(access, 'SHUTDOWN', (answer) => answer.includes('-'));
}

/** The previous port if it is free, so that clients find a restarted broker; else any. */
async function freePort(wanted: number | undefined): Promise<number> {
  return (await tryPort(wanted ?? 0)) ?? (await tryPort(0))!;
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(null));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => done(found));
    });
  });
}
