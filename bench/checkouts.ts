// Checks out older commits of Sluice, so that they are measured in the same run as the current one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Checkout {
  /** `sluice`, or `base` with the commit's first digits. */
  name: string;
  root: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Outside the checkout, whose tools would otherwise scan them. Kept for the next run. */
const BASES = join(tmpdir(), 'sluice-bench-bases');

export const CURRENT: Checkout = { name: 'sluice', root: ROOT };

/**
 * A work tree of the commit, with the dependencies of its own lock file.
 * Throws an Error with a readable message if the commit does not exist.
 */
export function checkOut(commit: string): Checkout {
  const { stdout, status } = git('rev-parse', '--verify', '--quiet', `${commit}^{commit}`);
  if (status !== 0) throw new Error(`--base: there is no commit '${commit}' here`);
  const id = stdout.trim().slice(0, 7);
  const root = join(BASES, id);
  if (!existsSync(root)) {
    console.error(`checking out ${id} (${root}) …`);
    const added = git('worktree', 'add', '--detach', root, id);
    if (added.status !== 0) throw new Error(`--base: ${added.stderr}`);
  }
  if (!existsSync(join(root, 'node_modules'))) installDependencies(root);
  return { name: `base ${id}`, root };
}

function installDependencies(root: string): void {
  const lockOf = (directory: string) => readFileSync(join(directory, 'package-lock.json'), 'utf8');
  if (lockOf(root) === lockOf(ROOT)) return symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  console.error('installing its dependencies …');
  for (const args of [
    ['ci', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'],
    ['rebuild', 'node'],
  ]) {
    const { status } = spawnSync('npm', args, { cwd: root, stdio: 'inherit' });
    if (status !== 0) throw new Error(`npm ${args[0]} failed in ${root}`);
  }
}

function git(...args: string[]) {
  return spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
}
