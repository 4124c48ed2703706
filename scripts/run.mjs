#!/usr/bin/env node
// `npm start` and `npm test` on a fresh clone: installs what is missing, reports it, then runs the actual program on Node 24.
// Plain JavaScript without dependencies, so that it runs before any are installed, on Node 20 or newer.
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
/** For the checks that run beside the tests: they mostly use CPU time that the tests leave idle. */
const NICENESS = 5;
/** The compiler's own threads check much of the code twice: half of its CPU time, which the tests would have used. */
const ONE_THREAD = ['--noEmit', '--singleThreaded'];
/** Run one after the other, beside the tests. A failure ends the run at once. */
const CHECKS = [
  ['node_modules/typescript/bin/tsc', ...ONE_THREAD, '--incremental', '--tsBuildInfoFile', `${CACHE}/tsc.tsbuildinfo`],
  ['node_modules/typescript/bin/tsc', ...ONE_THREAD, '-p', 'console/tsconfig.json'],
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
// Ctrl-C in a terminal also reaches the child processes.
process.on('SIGINT', () => {});
const { command, checks } = TASKS[task];
const [code, faults] = await Promise.all([run(command, 'inherit').then(({ code }) => code), check(checks)]);
for (const fault of faults) console.error(fault);
process.exit(faults.length > 0 ? 1 : code);

/** Returns the output of the first failed check, which also stops the tests. */
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
