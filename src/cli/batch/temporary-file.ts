// Files that live as long as the command: inputs that are made, outputs that are only read.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A path in a directory of its own, readable by nobody else; gone when the process exits, however it exits. */
export function temporaryFile(name: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-batch-'));
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  return join(directory, name);
}
