// Installs third-party packages in pinned versions into a separate cache: none of them is a dependency of Sluice.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-outside');

/** Installs npm packages (`name@version`) into one folder. Returns the folder that contains node_modules. */
export function installNpm(name: string, packages: readonly string[]): string {
  return installOnce(name, (folder) => {
    writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n');
    run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages], folder);
  });
}

/** Installs Python packages (`name==version`) into a virtual environment. Returns its folder. */
export function installPython(name: string, packages: readonly string[]): string {
  return installOnce(name, (folder) => {
    run('uv', ['venv', '--quiet', '--relocatable', '--python-preference', 'system', folder], '.');
    run('uv', ['pip', 'install', '--quiet', '--python', join(folder, 'bin/python'), ...packages], '.');
  });
}

/** Installs into a temporary folder and renames it, so that an interrupted installation is never used. */
function installOnce(name: string, install: (folder: string) => void): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  const building = `${folder}.building`;
  rmSync(building, { recursive: true, force: true });
  mkdirSync(building, { recursive: true });
  console.error(`installing ${name} …`);
  install(building);
  renameSync(building, folder);
  return folder;
}

function run(command: string, args: readonly string[], folder: string): void {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  if (error !== undefined) throw new Error(`${command} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 2).join(' ')} ended with ${status}`);
}
