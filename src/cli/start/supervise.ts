// `sluice start` while it runs: starts the planned processes, prints their addresses, restarts those that die, stops them in
// order. Kept small: imports only what is needed for this (the rest is in plan-start.ts).
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedRedis, startEmbeddedRedis } from '../../storage/embedded-redis.ts';
import { type Child, type ChildSettings, rotateLogs, startChild } from '../child-processes.ts';
import { bold, complain, dim, print } from '../terminal.ts';

/** The processes that serve requests. */
export type Layout =
  /** Each is both API and worker: initially `first` of them, up to `most` under load. */
  { kind: 'combined'; first: number; most: number } | { kind: 'tiers'; apis: number; workers: number };

export interface StartPlan {
  /** The data directory. */
  directory: string;
  /** Environment variables of all processes. */
  variables: Record<string, string | undefined>;
  hasOwnRedis: boolean;
  /** Null if the simulator is not needed. */
  simulatorPort: number | null;
  /** Start the batches process immediately, not with the first batch. */
  startsBatches: boolean;
  layout: Layout;
  /** Null if they log to the terminal. */
  logs: string | null;
  /** The client key, printed in the welcome message, like the members below. */
  key: string;
  /** Where to find the admin key, which is not printed. */
  adminKeyFrom: string;
  model: string;
}

/** With this argument the command makes the plan and ends: another process supervises (src/start.ts). */
export const PLAN_ONLY = '--plan-only';

/** From this file `sluice batch` reads the address of the API. */
const URL_FILE = 'url';
/** From this file operators' commands read the address of the administration API (src/cli/admin-client.ts). */
export const ADMIN_URL_FILE = 'admin-url';

/** Started first to last, stopped last to first. */
interface Running {
  children: Child[];
  redis: EmbeddedRedis | null;
  isStopping: boolean;
}

/** Runs until a signal; never rejects. */
export async function supervise(plan: StartPlan): Promise<void> {
  process.umask(0o077);
  const running: Running = { children: [], redis: null, isStopping: false };
  const stop = stopOnSignals(running);
  try {
    const { url, adminUrl } = await bringUp(plan, running);
    writeFileSync(join(plan.directory, URL_FILE), `${url}/v1\n`);
    writeFileSync(join(plan.directory, ADMIN_URL_FILE), `${adminUrl}\n`);
    printWelcome(plan, url, adminUrl);
  } catch (error) {
    say((error as Error).message);
    await stop(1);
  }
}

interface Addresses {
  url: string;
  adminUrl: string;
}

async function bringUp(plan: StartPlan, running: Running): Promise<Addresses> {
  const { directory, layout, simulatorPort } = plan;
  const variables = { ...plan.variables };
  if (plan.hasOwnRedis) {
    running.redis = await startEmbeddedRedis(join(directory, 'redis'), (how, waitMs) =>
      say(`Redis has exited (${how}); restarting it in ${waitMs} ms`),
    );
    say(`Redis is running on the files in ${join(directory, 'redis')}`);
    variables.SLUICE_REDIS_URL = running.redis.socketUrl;
  }
  rotateLogs([join(directory, 'logs'), join(directory, 'redis')], (error) => say(`logs: ${error.message}`));
  const launch = launcher(plan, variables, running);
  if (simulatorPort !== null) {
    const args = ['--port', String(simulatorPort)];
    await launch({ name: 'simulator', entry: 'simulator/src/simulate.ts', args });
  }
  const batches = once(() => launch({ name: 'batches', entry: 'workers/batches.ts' }));
  if (plan.startsBatches) await batches();
  const onWish: OnWish = (name) => {
    if (name === 'batches') batches().catch((error: Error) => say(error.message));
  };
  return layout.kind === 'combined' ? startCombined(layout, launch, onWish) : startTiers(layout, launch, onWish);
}

type OnWish = (process: string) => void;
type Launched = Omit<ChildSettings, 'environment' | 'logPath'> & { more?: Record<string, string> };
type Launch = (launched: Launched) => Promise<Child>;

function launcher({ logs }: StartPlan, variables: StartPlan['variables'], running: Running): Launch {
  return async ({ more, ...settings }) => {
    const logPath = logs === null ? null : join(logs, `${settings.name}.log`);
    const environment = { ...variables, ...more };
    const child = await startChild({ ...settings, environment, logPath }, (name, how, waitMs) =>
      say(`${name} has exited (${how}); restarting it in ${waitMs} ms`),
    );
    // It may have become ready while everything was being stopped.
    if (running.isStopping) await child.stop();
    running.children.push(child);
    return child;
  };
}

async function startCombined({ first, most }: Layout & { kind: 'combined' }, launch: Launch, onWish: OnWish) {
  let count = 0;
  const start = (more: Record<string, string>) => {
    count += 1;
    return launch({
      name: nameOf('combined', count),
      entry: 'workers/combined.ts',
      args: ['--no-batches'],
      onWish: onEach,
      more,
    });
  };
  const onEach: OnWish = (name) => {
    if (name !== 'combined') return onWish(name);
    if (count >= most) return;
    say('it is busy; starting another process');
    start(others).catch((error: Error) => say(error.message));
  };
  const addresses = addressesOf(await start(firstOf(most)));
  const others = besides(addresses);
  await Promise.all(Array.from({ length: first - 1 }, () => start(others)));
  return addresses;
}

async function startTiers({ apis, workers }: Layout & { kind: 'tiers' }, launch: Launch, onWish: OnWish) {
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const worker = { entry: 'workers/inference.ts', args: ['--no-batches'] };
  await Promise.all(numbers(workers).map((number) => launch({ ...worker, name: nameOf('worker', number) })));
  const start = (number: number, more: Record<string, string>) =>
    launch({ name: nameOf('api', number), entry: 'src/main.ts', onWish, more });
  const addresses = addressesOf(await start(1, firstOf(apis)));
  await Promise.all(numbers(apis - 1).map((number) => start(number + 1, besides(addresses))));
  return addresses;
}

function addressesOf({ details }: Child): Addresses {
  return details as unknown as Addresses;
}

/** Variables of processes that share a port: the first chooses it, the others use the same. */
const firstOf = (count: number): Record<string, string> => (count > 1 ? { SLUICE_PORT_SHARING: 'first' } : {});
const besides = ({ url }: Addresses) => ({ SLUICE_PORT_SHARING: 'other', PORT: new URL(url).port });

/** `api`, `api-2`, `api-3`: names of log files, and in messages. */
function nameOf(kind: string, number: number): string {
  return number === 1 ? kind : `${kind}-${number}`;
}

/** Starts a process on first use, since most installations do not need it and it would use memory. */
function once(launch: () => Promise<Child>): () => Promise<void> {
  let started: Promise<Child> | undefined;
  return async () => {
    started ??= launch();
    await started;
  };
}

function printWelcome({ key, adminKeyFrom, model, logs, layout }: StartPlan, url: string, adminUrl: string): void {
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }] });
  print();
  print(bold('Sluice is running.'));
  print();
  print(`  base URL  ${bold(`${url}/v1`)}`);
  print(`  key       ${bold(key)}`);
  print(`  console   ${bold(`${adminUrl}/console/`)} ${dim(`(sign in with the key in ${adminKeyFrom})`)}`);
  print(dim(`  processes ${describe(layout)}`));
  print();
  const authorization = `-H 'Authorization: Bearer ${key}'`;
  print(`  curl ${url}/v1/chat/completions ${authorization} -H 'Content-Type: application/json' -d '${body}'`);
  print();
  print(dim(`  ${logs === null ? '' : `Logs are in ${logs}. `}Ctrl-C stops everything.`));
  print();
}

function describe(layout: Layout): string {
  if (layout.kind === 'tiers') {
    return `${layout.apis} API, ${layout.workers} worker${layout.workers === 1 ? '' : 's'} (--api, --workers)`;
  }
  const { first, most } = layout;
  return `${first}, each an API and a worker${most > first ? `; up to ${most} when they are busy` : ''} (--processes)`;
}

/** The first signal stops everything in order; a second one exits at once. */
function stopOnSignals(running: Running): (code: number) => Promise<void> {
  const stop = async (code: number) => {
    running.isStopping = true;
    for (const child of [...running.children].reverse()) await child.stop();
    await running.redis?.stop();
    process.exit(code);
  };
  const hadTerminal = hasTerminal();
  const onSignal = () => {
    if (running.isStopping) process.exit(1);
    say('stopping …');
    void stop(0);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', () => {
    if (hadTerminal && !hasTerminal()) return onSignal();
    say('reading the configuration again');
    for (const child of running.children) if (child.name !== 'simulator') child.reload();
  });
  return stop;
}

/** SIGHUP is also sent when the terminal was closed. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}

function say(what: string): void {
  complain(`sluice: ${what}`);
}
