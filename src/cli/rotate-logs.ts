// Keeps the logs of `sluice start` within bounds: the processes write to files that they hold open, so what a file has is
// copied away and the file is emptied under them. They append; the next line comes at its new beginning. Lines that are
// written between the two are lost, a few at most.
import { copyFileSync, existsSync, readdirSync, renameSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** A file is looked at so often: it can be larger by what is written in between. */
const LOOK_EVERY_MS = 5_000;
const MAX_BYTES = 16 * 1024 * 1024;
/** Former contents that are kept: `api.log.1` is the newest. */
const KEPT = 3;

/** @param directories every `*.log` in them. */
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
