// `sluice start`. Planning it needs most of Sluice, supervising it very little: the plan is made by a process that ends (the command
// itself, src/cli.ts), and this one stays, with a third of the memory.
import { fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PLAN_ONLY, type StartPlan, supervise } from './cli/start/supervise.ts';

const command = fileURLToPath(new URL(`./cli${extname(fileURLToPath(import.meta.url))}`, import.meta.url));
const planner = fork(command, [...process.argv.slice(2), PLAN_ONLY]);
let plan: StartPlan | null = null;
planner.once('message', (message) => {
  plan = message as StartPlan;
});
planner.once('exit', (code, signal) => {
  // It has printed the reason.
  if (plan === null) process.exit(signal === null ? (code ?? 1) : 1);
  void supervise(plan);
});
