// Starts the processes of a benchmark, measures their CPU time and stops them by id.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { endWithParent } from '#test/support/end-with-parent.ts';

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
  const child = endWithParent(spawn(command, args, { stdio: 'ignore', ...options }));
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

/** A process and all of its running descendants. */
export function treeOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const status = /^\d+$/.test(entry) ? readProc(Number(entry), 'stat') : null;
    if (status !== null) parents.set(Number(entry), Number(status.slice(status.lastIndexOf(') ') + 2).split(' ')[1]));
  }
  const tree = [pid];
  for (const parent of tree) for (const [child, of] of parents) if (of === parent) tree.push(child);
  return tree;
}

/** CPU seconds (user and system) so far of a process and its descendants. */
export function cpuSeconds(pid: number): number {
  return treeOf(pid).reduce((sum, one) => {
    const status = readProc(one, 'stat');
    if (status === null) return sum;
    const fields = status.slice(status.lastIndexOf(') ') + 2).split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) / TICKS;
  }, 0);
}

export function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readProc(pid, 'status') ?? '')?.[1] ?? 0) / 1024;
}

/** Proportional set size (PSS) of a process and its descendants: shared pages are divided among the processes that use them. */
export function proportionalMiB(pid: number): number {
  return treeOf(pid).reduce(
    (sum, one) => sum + Number(/^Pss:\s+(\d+)/m.exec(readProc(one, 'smaps_rollup') ?? '')?.[1] ?? 0) / 1024,
    0,
  );
}

function readProc(pid: number, file: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

export async function cpuDuring<T>(
  processes: readonly Measured[],
  work: () => Promise<T>,
): Promise<{ result: T; cpu: Record<string, number> }> {
  const before = processes.map(({ pid }) => cpuSeconds(pid));
  const result = await work();
  const cpu: Record<string, number> = {};
  // Processes with the same name are added up.
  processes.forEach(({ name, pid }, index) => {
    cpu[name] = (cpu[name] ?? 0) + cpuSeconds(pid) - before[index]!;
  });
  return { result, cpu };
}

/** Waits until the process accepts connections on a loopback port; rejects as soon as it exits. */
export async function untilListening(port: number, child: ChildProcess, limitMs = 30_000): Promise<void> {
  const untilMs = Date.now() + limitMs;
  while (Date.now() < untilMs) {
    // Checked first: a leftover of another run could listen on the port instead.
    if (child.exitCode !== null) throw new Error(`the process for port ${port} has ended (${child.exitCode})`);
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing listens on port ${port}`);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => socket.end(() => resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

/** Throws if a port is in use: the benchmark would measure that process instead. */
export async function expectFree(...ports: number[]): Promise<void> {
  for (const port of ports) if (await isOpen(port)) throw new Error(`port ${port} is in use; a benchmark needs it`);
}
