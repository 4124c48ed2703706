// Processes that commands run. `sluice api` and `sluice worker` run one in their place (`runProcess`). `sluice start`
// supervises several (`startChild`): waits until they are ready, restarts those that die, stops them together, and rotates
// their logs.
import { type ChildProcess, fork, spawn } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../config/environment.ts';

export interface ChildSettings {
  name: string;
  /** Path of the entry point's source from the repository root. */
  entry: string;
  args?: string[];
  environment: Record<string, string | undefined>;
  /** File for its log, or null to share the terminal. */
  logPath: string | null;
  /** Called when it requests another process (src/process/lifecycle.ts). */
  onWish?: (process: string) => void;
}

export interface Child {
  name: string;
  /** Sent by the process when it was ready: `url` and others. */
  details: Record<string, unknown>;
  stop(): Promise<void>;
  /** Sends SIGHUP, on which it reads its configuration again. */
  reload(): void;
}

/**
 * Node's compile cache for our code (nodejs.org/api/module.html#module-compile-cache): a process starts in half the CPU time and
 * uses some 20 MB less. Next to the data, since through a directory that all users can write to another user could inject code.
 */
export function compileCache({ variables, dataDirectory }: Environment): Record<string, string> {
  return { NODE_COMPILE_CACHE: variables.NODE_COMPILE_CACHE ?? resolve(dataDirectory, 'cache') };
}

const ROOT = new URL('../../', import.meta.url);
/** In an installed package everything is JavaScript, entry points too. */
const EXTENSION = extname(fileURLToPath(import.meta.url));

const READY_LIMIT_MS = 60_000;
/** Longer than the grace period for requests in flight. */
const STOP_LIMIT_MS = 45_000;
const RESTART_FIRST_MS = 250;
const RESTART_LONGEST_MS = 10_000;
/** After running this long a process counts as healthy, and its next death as the first. */
const HEALTHY_MS = 60_000;

/** Resolves when the child is ready; rejects if it ends before. If it dies later, it is restarted with backoff. */
export async function startChild(
  settings: ChildSettings,
  onDeath: (name: string, how: string, waitMs: number) => void,
): Promise<Child> {
  let current = launch(settings);
  const details = await untilReady(current, settings);
  let isStopping = false;
  let waitMs = RESTART_FIRST_MS;

  function watch(child: ChildProcess): void {
    const bornAtMs = Date.now();
    child.once('exit', (code, signal) => {
      if (isStopping) return;
      if (Date.now() - bornAtMs > HEALTHY_MS) waitMs = RESTART_FIRST_MS;
      onDeath(settings.name, signal ?? `exit code ${code}`, waitMs);
      setTimeout(() => {
        if (isStopping) return;
        current = launch(settings);
        watch(current);
      }, waitMs);
      waitMs = Math.min(waitMs * 2, RESTART_LONGEST_MS);
    });
  }

  watch(current);
  return {
    name: settings.name,
    details,
    async stop() {
      isStopping = true;
      await end(current);
    },
    reload: () => void current.kill('SIGHUP'),
  };
}

function pathOf(entry: string): string {
  return fileURLToPath(new URL(entry.replace(/\.ts$/, EXTENSION), ROOT));
}

function launch({ entry, args = [], environment, logPath, onWish }: ChildSettings): ChildProcess {
  const output = logPath === null ? 'inherit' : openLog(logPath);
  const child = fork(pathOf(entry), args, {
    env: { ...environment } as NodeJS.ProcessEnv,
    stdio: ['ignore', output, output, 'ipc'],
    // Ctrl-C signals the terminal's whole process group; in a separate group, children are stopped by the parent in order.
    detached: true,
  });
  if (typeof output === 'number') closeSync(output);
  child.on('message', (message: { type?: string; process?: string }) => {
    if (message.type === 'wish' && message.process !== undefined) onWish?.(message.process);
  });
  return child;
}

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true });
  return openSync(path, 'a');
}

function untilReady(child: ChildProcess, { name, logPath }: ChildSettings): Promise<Record<string, unknown>> {
  const where = logPath === null ? '' : `; its log is ${logPath}`;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`${name} was not ready within ${READY_LIMIT_MS / 1_000} s${where}`)),
      READY_LIMIT_MS,
    );
    child.on('message', (message: { type?: string }) => {
      if (message.type !== 'ready') return;
      clearTimeout(timer);
      resolve(message as Record<string, unknown>);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`${name} did not start (${signal ?? `exit code ${code}`})${where}`));
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await exited;
  clearTimeout(timer);
}

/** Passes on arguments, signals and the exit code; this process ends when the other one has ended. */
export async function runProcess(
  entry: string,
  args: readonly string[],
  variables: Record<string, string | undefined>,
): Promise<never> {
  const child = spawn(process.execPath, [pathOf(entry), ...args], {
    stdio: 'inherit',
    env: variables as NodeJS.ProcessEnv,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve) =>
    child.once('exit', (exit, signal) => resolve(signal === null ? (exit ?? 1) : 1)),
  );
  process.exit(code);
}

/** How often sizes are checked: a file can exceed the limit by what is written in between. */
const LOOK_EVERY_MS = 5_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Number of old files that are kept: `api.log.1` is the newest. */
const KEPT = 3;

/**
 * Keeps every `*.log` in `directories` within bounds. Processes keep these files open, so the content is copied away and
 * the file is truncated; they append, so the next line is written at its new beginning. A few lines written between copy
 * and truncation can be lost.
 */
export function rotateLogs(directories: readonly string[], onError: (error: Error) => void): { stop(): void } {
  const look = () => {
    for (const path of directories.flatMap(logsIn)) {
      try {
        rotateIfLarge(path, MAX_BYTES);
      } catch (error) {
        onError(error as Error);
      }
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS).unref();
  return { stop: () => clearInterval(timer) };
}

function logsIn(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(directory, name));
}

export function rotateIfLarge(path: string, maxBytes: number): void {
  if (statSync(path).size <= maxBytes) return;
  for (let age = KEPT - 1; age >= 1; age--) {
    if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
  }
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
