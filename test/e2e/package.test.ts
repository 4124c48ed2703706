// The npm package as operators get it: packed, installed into an empty folder without optional dependencies, and run. If
// .ci/try-package has done the first two steps (SLUICE_TEST_PACKAGE), they are skipped.
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const MAX_BYTES = 60_000_000;
const INSTALL_LIMIT_MS = 240_000;

const directory = mkdtempSync(join(tmpdir(), 'sluice-package-'));
const given = givenPackage();
const installed = join(given ?? directory, given === null ? 'app' : 'small', 'node_modules');
const bin = join(installed, 'sluice/bin/sluice.mjs');
const empty = join(directory, 'empty');
const clean = join(directory, 'clean');
let broker: ChildProcess | null = null;
let hasRegistry = true;

/** Complete, or null. */
function givenPackage(): string | null {
  const { SLUICE_TEST_PACKAGE: folder } = process.env;
  return folder !== undefined && existsSync(join(folder, 'installed')) ? folder : null;
}

beforeAll(() => {
  mkdirSync(empty);
  if (given === null) packAndInstall();
}, 2 * INSTALL_LIMIT_MS);

function packAndInstall(): void {
  mkdirSync(join(directory, 'app'));
  writeFileSync(join(directory, 'app/package.json'), '{"private":true}');
  execFileSync('npm', ['pack', '--pack-destination', directory], { cwd: ROOT, stdio: 'pipe' });
  const tarball = readdirSync(directory).find((name) => name.endsWith('.tgz'))!;
  const quiet = ['--omit=optional', '--omit=dev', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  const options = { cwd: join(directory, 'app'), stdio: 'pipe', timeout: INSTALL_LIMIT_MS } as const;
  try {
    execFileSync('npm', ['install', join(directory, tarball), ...quiet], options);
  } catch (error) {
    // The package cannot be tested on a machine without a registry.
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT/.test(String((error as { stderr?: Buffer }).stderr)))
      throw error;
    hasRegistry = false;
  }
}

beforeEach(({ skip }) => {
  if (!hasRegistry) skip('npm reaches no registry');
});

afterAll(async () => {
  await stop();
  rmSync(directory, { recursive: true, force: true });
});

async function stop(): Promise<void> {
  if (broker === null || broker.exitCode !== null) return;
  const exited = new Promise((resolve) => broker!.once('exit', resolve));
  broker.kill('SIGTERM');
  await exited;
}

const environment = () => ({ PATH: process.env.PATH ?? '', HOME: directory });

function run(...args: string[]) {
  return spawnSync(process.execPath, [bin, ...args], { cwd: empty, encoding: 'utf8', env: environment() });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function bytesIn(folder: string): number {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.reduce((total, entry) => total + statSync(join(entry.parentPath, entry.name)).size, 0);
}

test('it contains built code with maps and types, no sources, and is small', () => {
  const dist = join(installed, 'sluice/dist/src');
  for (const name of ['cli.js', 'cli.js.map', 'cli.d.ts', 'limits/permit.lua'])
    expect(existsSync(join(dist, name)), name).toBe(true);
  expect(existsSync(join(installed, 'sluice/src'))).toBe(false);
  expect(existsSync(join(installed, '@aws-sdk/client-s3'))).toBe(false);
  expect(bytesIn(installed)).toBeLessThan(MAX_BYTES);
});

test('it prints its version, and the options of start', () => {
  expect(run('--version').stdout.trim()).toBe(version);
  expect(run('start', '--help').stdout).toMatch(/--host[\s\S]*--port[\s\S]*--data[\s\S]*--config/);
});

test('files in object storage without the S3 client: the error says what to install', () => {
  writeFileSync(
    join(empty, 's3.yaml'),
    'redis: { url: "redis://127.0.0.1:1" }\nfiles: { s3: { bucket: b, region: r } }\n',
  );
  const { stderr, stdout } = run('api', '--config', 's3.yaml');
  expect(stderr + stdout).toContain('npm install @aws-sdk/client-s3');
});

test('sluice start answers a request in an empty folder, and stops', async () => {
  const args = ['start', '--host', '127.0.0.1', '--port', String(await freePort()), '--data', join(directory, 'data')];
  mkdirSync(clean);
  broker = spawn(process.execPath, [bin, ...args], { cwd: clean, env: environment() });
  let output = '';
  const welcome = new Promise<RegExpExecArray>((resolve, reject) => {
    const read = (bytes: Buffer) => {
      output += String(bytes);
      const found = /curl (\S+) -H 'Authorization: (Bearer \S+)'[\s\S]*? -d '([^']+)'/.exec(output);
      if (found !== null) resolve(found);
    };
    broker!.stdout!.on('data', read);
    broker!.stderr!.on('data', read);
    broker!.once('exit', () => reject(new Error(output)));
  });
  const [, url, authorization, body] = await welcome;
  const headers = { authorization: authorization!, 'content-type': 'application/json' };
  const answer = await fetch(url!, { method: 'POST', headers, body: body! });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ object: 'chat.completion' });
  // SQLite reports run in a separate process, whose file must be found.
  const admin = { authorization: `Bearer ${readFileSync(join(directory, 'data/admin-key'), 'utf8').trim()}` };
  const port = /console +http:\/\/[^:]+:(\d+)/.exec(stripVTControlCharacters(output))![1];
  const report = await fetch(`http://127.0.0.1:${port}/admin/usage?group_by=model`, { headers: admin });
  expect(report.status).toBe(200);
  expect(await report.json()).toMatchObject({ object: 'list' });
  await stop();
  expect(broker.exitCode).toBe(0);
  expect(existsSync(join(directory, 'data/key'))).toBe(true);
  expect(existsSync(join(clean, '.sluice'))).toBe(false);
}, 120_000);
