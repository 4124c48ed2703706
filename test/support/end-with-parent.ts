// Child processes of tests, benchmarks and scripts end with the process that started them, also if a signal ends it: Node emits no
// `exit` then, unless something handles the signal. Only SIGKILL leaves them behind.
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
const running = new Map<ChildProcess, NodeJS.Signals>();

/** Returns the child. @param signal that ends it: SIGTERM for one that has children of its own to end. */
export function endWithParent<Child extends ChildProcess>(child: Child, signal: NodeJS.Signals = 'SIGKILL'): Child {
  if (running.size === 0) listen();
  running.set(child, signal);
  child.once('exit', () => {
    running.delete(child);
    if (running.size === 0) stopListening();
  });
  return child;
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** As a shell reports a process that a signal has ended. */
const exits = SIGNALS.map((name) => ({ name, exit: () => process.exit(128 + constants.signals[name]) }));

function listen(): void {
  process.on('exit', endAll);
  for (const { name, exit } of exits) process.on(name, exit);
}

function stopListening(): void {
  process.off('exit', endAll);
  for (const { name, exit } of exits) process.off(name, exit);
}

function endAll(): void {
  for (const [child, signal] of running) child.kill(signal);
}
