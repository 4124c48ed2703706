// Prepares a checkout to run: dependencies (including Node 24), the console, a Redis server. Every step reports what it does;
// if a step is impossible here, the exact command to run is printed and the exit code is not zero.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { buildConsole } from './build-console.mjs';

const INSTALLED = 'node_modules/.package-lock.json';
const NODE_OF_PACKAGES = 22;
const MINIMUM_REDIS = [7, 0];
const MINIMUM_VALKEY = [7, 2];

/** @param {{ redis?: boolean, testTools?: boolean }} needs */
export async function setUp(needs) {
  installDependencies();
  prepareConsole();
  if (needs.redis) installRedis();
}

function installDependencies() {
  if (isUpToDate()) return;
  say('installing dependencies (npm ci) …');
  // Only the package that contains Node 24 may run installation scripts.
  const quiet = ['--no-fund', '--no-audit', '--loglevel=error'];
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', ...quiet], { stdio: 'inherit' });
  if (status !== 0) {
    giveUp('npm could not install the dependencies; see its message above. Then:', 'npm ci --ignore-scripts');
  }
  spawnSync('npm', ['rebuild', 'node', '--loglevel=error'], { stdio: 'inherit' });
  if (!existsSync('node_modules/.bin/node'))
    giveUp('npm did not install Node 24 (package "node").', 'npm rebuild node');
  if (Number(process.versions.node.split('.')[0]) < NODE_OF_PACKAGES) installSkipped(quiet);
}

/** npm silently skips optional packages that need a newer Node than it runs on: runs it again with Node 24. */
function installSkipped(quiet) {
  const npm =
    process.env.npm_execpath ??
    spawnSync('npm', ['exec', '--call', 'echo $npm_execpath'], { encoding: 'utf8' }).stdout.trim();
  if (!npm) return;
  spawnSync('node_modules/.bin/node', [npm, 'install', '--no-save', '--ignore-scripts', ...quiet], {
    stdio: 'inherit',
  });
}

/** Sluice runs without the console: failures are reported but do not stop the setup. */
function prepareConsole() {
  try {
    if (buildConsole({ node: 'node_modules/.bin/node' })) say('the console is built');
  } catch (error) {
    say(error.message);
  }
}

/** Whether npm's installed lock file is newer than ours, and Node 24 is installed. */
function isUpToDate() {
  return (
    existsSync(INSTALLED) &&
    existsSync('node_modules/.bin/node') &&
    statSync(INSTALLED).mtimeMs >= statSync('package-lock.json').mtimeMs - 1_000
  );
}

function installRedis() {
  if (process.env.SLUICE_REDIS_URL) return;
  const found = findRedis();
  if (found !== null) return;
  if (has('apt-get') && process.getuid?.() === 0) return installByApt();
  if (has('brew')) return installByBrew();
  if (has('docker') && spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0) {
    giveUp(
      'No redis-server on this machine. Docker can run one:',
      'docker run -d --name sluice-redis -p 6379:6379 redis:8-alpine redis-server --appendonly yes\n  SLUICE_REDIS_URL=redis://127.0.0.1:6379 npm start',
    );
  }
  giveUp(
    'No redis-server (7.0 or newer) or valkey-server (7.2 or newer) on this machine.',
    has('apt-get')
      ? 'sudo apt-get install -y redis-server'
      : 'install Redis from your system’s packages, or set SLUICE_REDIS_URL',
  );
}

/** Name of a Redis server that is new enough, or null. */
function findRedis() {
  for (const [name, minimum] of [
    ['redis-server', MINIMUM_REDIS],
    ['valkey-server', MINIMUM_VALKEY],
  ]) {
    const { stdout, status } = spawnSync(name, ['--version'], { encoding: 'utf8' });
    const version = /v=(\d+)\.(\d+)/.exec(stdout ?? '');
    if (status !== 0 || version === null) continue;
    const [major, minor] = [Number(version[1]), Number(version[2])];
    if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return name;
    say(`${name} ${major}.${minor} is too old; ${minimum.join('.')} or newer is needed`);
  }
  return null;
}

function installByApt() {
  say('installing redis-server (apt-get) …');
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const options = { stdio: ['ignore', 'ignore', 'inherit'], env: environment };
  spawnSync('apt-get', ['update', '-qq'], options);
  const { status } = spawnSync('apt-get', ['install', '-y', '-qq', 'redis-server'], options);
  if (status !== 0 || findRedis() === null)
    giveUp('apt-get could not install Redis.', 'apt-get update && apt-get install -y redis-server');
}

function installByBrew() {
  say('installing redis (brew) …');
  const { status } = spawnSync('brew', ['install', 'redis'], { stdio: 'inherit' });
  if (status !== 0 || findRedis() === null) giveUp('brew could not install Redis.', 'brew install redis');
}

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}

function say(what) {
  console.error(`sluice: ${what}`);
}

function giveUp(why, command) {
  console.error(`sluice: ${why}\n\n  ${command}\n`);
  process.exit(1);
}
