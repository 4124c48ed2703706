#!/usr/bin/env node
// `npm run promtool`: checks metric names, the Prometheus configuration of docker-compose.yml, the alert rules and their tests
// with Prometheus' promtool. If it is not installed, it is extracted from Debian's package into a cache outside the checkout.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { METRICS } from '../src/telemetry/metric-table.ts';

const FOLDER = fileURLToPath(new URL('../deploy/prometheus/', import.meta.url));
const CACHE = join(process.env.SLUICE_TOOLS ?? join(homedir(), '.cache/sluice-tools'), 'prometheus');

const promtool = findPromtool();
if (promtool === null) {
  console.log('npm run promtool: promtool is not installed, and apt-get is not available; nothing was checked');
  process.exit(0);
}
run(['check', 'metrics'], exposition());
run(['check', 'config', '--syntax-only', join(FOLDER, 'prometheus.yaml')]);
run(['check', 'rules', join(FOLDER, 'alerts.yaml')]);
run(['test', 'rules', join(FOLDER, 'alerts.test.yaml')]);

/** Every metric of the table with one sample, in the format of /metrics. */
function exposition() {
  const blocks = Object.values(METRICS).map(({ name, type, help, labels }) => {
    const pairs = labels.map((label) => `${label}="x"`);
    const series = (suffix, more = []) => `${name}${suffix}{${[...pairs, ...more].join(',')}} 1`;
    const parts = [series('_bucket', ['le="+Inf"']), series('_sum'), series('_count')];
    return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...(type === 'histogram' ? parts : [series('')])];
  });
  return `${blocks.flat().join('\n')}\n`;
}

function findPromtool() {
  if (spawnSync('promtool', ['--version']).status === 0) return 'promtool';
  const own = join(CACHE, 'usr/bin/promtool');
  if (existsSync(own)) return own;
  mkdirSync(CACHE, { recursive: true });
  if (spawnSync('apt-get', ['download', '-qq', 'prometheus'], { cwd: CACHE, stdio: 'inherit' }).status !== 0)
    return null;
  const archive = readdirSync(CACHE).find((name) => name.endsWith('.deb'));
  spawnSync('dpkg', ['--extract', archive, CACHE], { cwd: CACHE, stdio: 'inherit' });
  return existsSync(own) ? own : null;
}

function run(args, input = '') {
  const { stdout, stderr, status } = spawnSync(promtool, args, { encoding: 'utf8', input });
  const name = args.slice(0, 2).join(' ');
  if (status !== 0) {
    console.error(`promtool ${name}\n${stdout}${stderr}`);
    process.exit(1);
  }
  console.log(`promtool ${name}: ${/\d+ rules found/.exec(stdout)?.[0] ?? 'passed'}`);
}
