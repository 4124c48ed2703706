// Processes of a benchmark: started, measured by their CPU time, stopped by their id.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';

export interface Measured {
  name: string;
  pid: number;
  stop(): Promise<void>;
}

/** Kernel ticks per second. */
const TICKS = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout.trim() || 100);

/** Whatever ends a benchmark, nothing of it goes on. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export function startProcess(
  name: string,
  command: string,
  args: string[],
  options: SpawnOptions = {},
): Measured & { child: ChildProcess } {
  const child = spawn(command, args, { stdio: 'ignore', ...options });
  running.add(child);
  const exited = new Promise<void>((resolve) =>
    child.once('exit', () => {
      running.delete(child);
      resolve();
    }),
  );
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

/** A process and all that it has started and that still run. */
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

/** CPU seconds (user and system) so far, of a process and those it has started. */
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

/** Memory that would be free without it: what processes share is counted once, in parts. Of the whole tree. */
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
  // Several processes of one name count together.
  processes.forEach(({ name, pid }, index) => {
    cpu[name] = (cpu[name] ?? 0) + cpuSeconds(pid) - before[index]!;
  });
  return { result, cpu };
}

/** Waits until the process accepts connections on a port of loopback; rejects at once when it ends before. */
export async function untilListening(port: number, child: ChildProcess, limitMs = 30_000): Promise<void> {
  const untilMs = Date.now() + limitMs;
  while (Date.now() < untilMs) {
    // What was left of another run would answer in its place.
    if (child.exitCode !== null) throw new Error(`what should listen on port ${port} has ended (${child.exitCode})`);
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

/** Throws where somebody else listens: a benchmark would measure that. */
export async function expectFree(...ports: number[]): Promise<void> {
  for (const port of ports) if (await isOpen(port)) throw new Error(`port ${port} is in use; a benchmark needs it`);
}
