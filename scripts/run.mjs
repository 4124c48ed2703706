#!/usr/bin/env node
// `npm start` and `npm test` on a fresh clone: installs what is missing, says so, then runs the real thing on Node 24.
// Plain JavaScript without dependencies: it runs before there are any, on Node 20 or newer.
//
//   node scripts/run.mjs start [arguments of `sluice start`]
//   node scripts/run.mjs test [arguments of vitest]
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setUp } from './set-up.mjs';

const [task, ...rest] = process.argv.slice(2);
const NODE = 'node_modules/.bin/node';
const CACHE = 'node_modules/.cache';
/** Of what runs beside the tests: it takes the time in which they wait, and little else. */
const NICENESS = 5;
/** One after the other, beside the tests. A fault ends the run at once. */
const CHECKS = [
  ['node_modules/typescript/bin/tsc', '--noEmit', '--incremental', '--tsBuildInfoFile', `${CACHE}/tsc.tsbuildinfo`],
  ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'console/tsconfig.json'],
  ['node_modules/@biomejs/biome/bin/biome', 'check'],
];

const TASKS = {
  start: { needs: { redis: true }, command: ['src/start.ts', 'start', ...rest], checks: [] },
  test: {
    needs: { redis: true, testTools: true },
    command: ['node_modules/vitest/vitest.mjs', 'run', ...rest],
    checks: CHECKS,
  },
};

if (!(task in TASKS)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')}`);
  process.exit(2);
}
await setUp(TASKS[task].needs);
const running = new Set();
process.on('SIGTERM', () => stop('SIGTERM'));
// A terminal's Ctrl-C reaches the children, too.
process.on('SIGINT', () => {});
const { command, checks } = TASKS[task];
const [code, faults] = await Promise.all([run(command, 'inherit').then(({ code }) => code), check(checks)]);
for (const fault of faults) console.error(fault);
process.exit(faults.length > 0 ? 1 : code);

/** What the first check that failed has printed. The tests end then. */
async function check(commands) {
  if (commands.length === 0) return [];
  mkdirSync(CACHE, { recursive: true });
  for (const args of commands) {
    const { code, output } = await run(args, 'pipe');
    if (code === 0) continue;
    stop('SIGTERM');
    return [`\n${args.slice(0, 2).join(' ')} failed:\n${output}`];
  }
  return [];
}

function run(args, output) {
  const child = spawn(NODE, args, { stdio: ['inherit', output, output === 'pipe' ? 'pipe' : 'inherit'] });
  running.add(child);
  const chunks = [];
  if (output === 'pipe') {
    setPriority(child.pid, NICENESS);
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
  }
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      running.delete(child);
      resolve({ code: signal === null ? code : 1, output: Buffer.concat(chunks).toString() });
    });
  });
}

function stop(signal) {
  for (const child of running) child.kill(signal);
}
