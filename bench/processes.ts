// Processes of a benchmark: started, measured by their CPU time, stopped by their id.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';

export interface Measured {
  name: string;
  pid: number;
  stop(): Promise<void>;
}

/** Kernel ticks per second. */
const TICKS = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout.trim() || 100);

export function startProcess(
  name: string,
  command: string,
  args: string[],
  options: SpawnOptions = {},
): Measured & { child: ChildProcess } {
  const child = spawn(command, args, { stdio: 'ignore', ...options });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    name,
    pid: child.pid!,
    child,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** CPU seconds (user and system) of a process and its children so far. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024;
}

export async function cpuDuring<T>(
  processes: readonly Measured[],
  work: () => Promise<T>,
): Promise<{ result: T; cpu: Record<string, number> }> {
  const before = processes.map(({ pid }) => cpuSeconds(pid));
  const result = await work();
  const cpu = Object.fromEntries(processes.map(({ name, pid }, index) => [name, cpuSeconds(pid) - before[index]!]));
  return { result, cpu };
}

/** Waits until something accepts connections on a port of loopback. */
export async function untilListening(port: number, limitMs = 30_000): Promise<void> {
  const untilMs = Date.now() + limitMs;
  while (Date.now() < untilMs) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = createConnection(port, '127.0.0.1');
      socket.once('connect', () => socket.end(() => resolve(true)));
      socket.once('error', () => resolve(false));
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}
