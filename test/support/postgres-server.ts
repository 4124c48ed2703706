// A real PostgreSQL: the machine's own binaries with a separate data directory, or a container if there is a Docker engine.
// Null if there is neither; tests that require one report that.
import { spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GenericContainer, Wait } from 'testcontainers';
import { endWithParent } from './end-with-parent.ts';
import { ROOT } from './processes.ts';
import { freePort } from './redis-server.ts';
import { waitFor } from './wait.ts';

export interface TestPostgres {
  url: string;
  /** Stops answering, as in an outage; connections break. */
  kill(): Promise<void>;
  /** Time of processors that the server's processes have used; 0 in a container. */
  cpuMs(): number;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const PASSWORD = 'sluice';
const POSTGRES_IMAGE = 'postgres:17-alpine';
const TEMPLATES = join(ROOT, 'node_modules/.cache/postgres');

/** @param settings of the server. */
export async function startTestPostgres(settings: readonly string[] = ['fsync=off']): Promise<TestPostgres | null> {
  const directory = findBinaries();
  if (directory !== null) return startLocal(directory, settings);
  if (spawnSync('docker', ['info'], { stdio: 'ignore', timeout: 5_000 }).status === 0) return startContainer();
  return null;
}

/** Debian keeps the server's programs out of the path. */
function findBinaries(): string | null {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'initdb')));
  if (found !== undefined) return found;
  const { stdout, status } = spawnSync('sh', ['-c', 'dirname "$(command -v initdb)"'], { encoding: 'utf8' });
  return status === 0 && existsSync(join(stdout.trim(), 'initdb')) ? stdout.trim() : null;
}

async function startLocal(binaries: string, settings: readonly string[]): Promise<TestPostgres> {
  const data = mkdtempSync(join(tmpdir(), 'sluice-postgres-'));
  const port = await freePort();
  const owner = ownerOfServer();
  if (owner !== null) chownSync(data, owner.uid, owner.gid);
  const run = (command: string, args: string[]) =>
    spawnSync(join(binaries, command), args, {
      encoding: 'utf8',
      cwd: data,
      env: { ...process.env, PGPASSWORD: PASSWORD },
      ...owner,
    });
  const template = join(TEMPLATES, run('initdb', ['--version']).stdout.replace(/\W+/g, '-'));
  if (existsSync(template)) copy(template, data);
  else {
    const made = run('initdb', ['-D', data, '-U', 'sluice', '--auth=trust', '-E', 'UTF8', '--no-sync']);
    if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
    keepTemplate(data, template);
  }

  const launch = async () => {
    const args = ['-D', data, '-p', String(port), '-k', data, '-h', '127.0.0.1'];
    args.push(...settings.flatMap((setting) => ['-c', setting]));
    const child = spawn(join(binaries, 'postgres'), args, { stdio: 'ignore', cwd: data, ...owner });
    endWithParent(child, 'SIGQUIT');
    const isReady = () => run('pg_isready', ['-h', '127.0.0.1', '-p', String(port), '-U', 'sluice']).status === 0;
    await waitFor('PostgreSQL', isReady, 20_000);
    return child;
  };
  let child = await launch();
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    // SIGQUIT: at once, without waiting for clients; the children end with it.
    child.kill('SIGQUIT');
    await exited;
  };
  return {
    url: `postgres://sluice:${PASSWORD}@127.0.0.1:${port}/postgres`,
    kill,
    cpuMs: () => cpuMsOf(child.pid!),
    async restart() {
      await kill();
      child = await launch();
    },
    async stop() {
      await kill();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** Copying a data directory takes an eighth of the CPU time of initdb. */
function copy(from: string, to: string): void {
  const { status, stderr } = spawnSync('cp', ['-a', `${from}/.`, to], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${from} cannot be copied: ${stderr}`);
}

/** Complete or not there: another test may do the same at the same time. */
function keepTemplate(data: string, template: string): void {
  mkdirSync(TEMPLATES, { recursive: true });
  const unfinished = mkdtempSync(`${template}-`);
  copy(data, unfinished);
  try {
    renameSync(unfinished, template);
  } catch {
    rmSync(unfinished, { recursive: true });
  }
}

/** Linux counts in hundredths of a second: its own time and that of its children, including ended ones. */
function cpuMsOf(pid: number): number {
  const read = (id: string | number) => {
    const text = readFileSync(`/proc/${id}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  };
  const children = readdirSync('/proc').filter((id) => {
    try {
      return /^\d+$/.test(id) && read(id)[1] === String(pid);
    } catch {
      return false;
    }
  });
  const [server, ...others] = [pid, ...children].map((id) => read(id).slice(11, 15).map(Number));
  return (
    10 *
    (server!.reduce((sum, ticks) => sum + ticks, 0) + others.reduce((sum, [user, system]) => sum + user! + system!, 0))
  );
}

/** PostgreSQL refuses to run as root: it runs as the system's PostgreSQL user. */
function ownerOfServer(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout.trim());
  return { uid: id('-u'), gid: id('-g') };
}

async function startContainer(): Promise<TestPostgres> {
  const container = await new GenericContainer(POSTGRES_IMAGE)
    .withEnvironment({ POSTGRES_USER: 'sluice', POSTGRES_PASSWORD: PASSWORD, POSTGRES_DB: 'postgres' })
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  const url = `postgres://sluice:${PASSWORD}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  return {
    url,
    cpuMs: () => 0,
    kill: async () => void (await container.exec(['pkill', '-STOP', 'postgres'])),
    restart: async () => void (await container.exec(['pkill', '-CONT', 'postgres'])),
    stop: async () => void (await container.stop()),
  };
}

/** PgBouncer in front of a server, with transaction pooling. Null if it is not installed. */
export async function startPgBouncer(server: TestPostgres): Promise<{ url: string; stop(): Promise<void> } | null> {
  if (spawnSync('pgbouncer', ['--version']).status !== 0) return null;
  const directory = mkdtempSync(join(tmpdir(), 'sluice-pgbouncer-'));
  const owner = ownerOfServer();
  if (owner !== null) chownSync(directory, owner.uid, owner.gid);
  const port = await freePort();
  const file = join(directory, 'pgbouncer.ini');
  const databases = `[databases]\n* = host=127.0.0.1 port=${new URL(server.url).port} user=sluice\n`;
  const pooling = 'pool_mode = transaction\nauth_type = any\nunix_socket_dir =\n';
  writeFileSync(file, `${databases}[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\n${pooling}`);
  const child = endWithParent(spawn('pgbouncer', [file], { stdio: 'ignore', ...owner }));
  await waitFor('PgBouncer', () => answers(port));
  return {
    url: `postgres://sluice@127.0.0.1:${port}/postgres`,
    async stop() {
      const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGKILL');
      await exited;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
