// A disk that accepts no further byte from one process: a limit on its file sizes, which the process gets as a write error.
// Linux only.
import { spawnSync } from 'node:child_process';

export const canFillDisks = spawnSync('prlimit', ['--version']).status === 0;

export function fillDiskOf(pid: number): void {
  limitFiles(pid, '1');
}

export function emptyDiskOf(pid: number): void {
  limitFiles(pid, 'unlimited');
}

/** The soft limit only: the hard one could not be raised again. */
function limitFiles(pid: number, bytes: string): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}
