#!/usr/bin/env node
// `npm start` and `npm test` on a fresh clone: installs what is missing, says so, then runs the real thing on Node 24.
// Plain JavaScript without dependencies: it runs before there are any, on Node 20 or newer.
//
//   node scripts/run.mjs start [arguments of `sluice start`]
//   node scripts/run.mjs test [arguments of vitest]
import { spawn } from 'node:child_process';
import { setUp } from './set-up.mjs';

const [task, ...rest] = process.argv.slice(2);
const NODE = 'node_modules/.bin/node';

const TASKS = {
  start: { needs: { redis: true }, steps: [[NODE, ['src/start.ts', 'start', ...rest]]] },
  test: {
    needs: { redis: true, testTools: true },
    steps: [
      [NODE, ['node_modules/typescript/bin/tsc', '--noEmit']],
      [NODE, ['node_modules/typescript/bin/tsc', '--noEmit', '-p', 'console/tsconfig.json']],
      [NODE, ['node_modules/@biomejs/biome/bin/biome', 'check']],
      [NODE, ['node_modules/vitest/vitest.mjs', 'run', ...rest]],
    ],
  },
};

if (!(task in TASKS)) {
  console.error(`usage: node scripts/run.mjs ${Object.keys(TASKS).join('|')}`);
  process.exit(2);
}
await setUp(TASKS[task].needs);
for (const [command, args] of TASKS[task].steps) {
  const code = await run(command, args);
  if (code !== 0) process.exit(code);
}

/** Signals reach the child through the terminal; this process waits for its end and takes over its exit code. */
function run(command, args) {
  const child = spawn(command, args, { stdio: 'inherit' });
  const forward = (signal) => child.kill(signal);
  process.on('SIGTERM', forward);
  process.on('SIGINT', () => {});
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      process.off('SIGTERM', forward);
      resolve(signal === null ? code : 1);
    });
  });
}
