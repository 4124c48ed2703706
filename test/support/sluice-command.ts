// The command `sluice` as its user runs it: a separate process, in a separate directory, without a terminal.
import { spawn } from 'node:child_process';
import { endWithParent } from './end-with-parent.ts';
import { processEnvironment, processPath } from './processes.ts';

export interface CommandEnd {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCommand {
  ended: Promise<CommandEnd>;
  /** The output so far. */
  stderr(): string;
  stdout(): string;
  interrupt(): void;
  hangUp(): void;
}

export function startSluice(args: readonly string[], cwd: string, environment: Record<string, string>): RunningCommand {
  const child = spawn(process.execPath, [processPath('src/cli.ts'), ...args], {
    cwd,
    env: { ...processEnvironment(), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithParent(child, 'SIGTERM');
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (piece: Buffer) => {
    stdout += piece.toString();
  });
  child.stderr.on('data', (piece: Buffer) => {
    stderr += piece.toString();
  });
  return {
    ended: new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr }))),
    stderr: () => stderr,
    stdout: () => stdout,
    interrupt: () => void child.kill('SIGINT'),
    hangUp: () => void child.kill('SIGHUP'),
  };
}
