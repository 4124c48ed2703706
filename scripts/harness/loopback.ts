// Runs third-party software in a network namespace with loopback only, so that it can neither send telemetry nor download
// updates.
import { spawn } from 'node:child_process';

const MARK = 'SLUICE_ON_LOOPBACK';

/** Whether this process already runs in that namespace. */
export function isOnLoopback(): boolean {
  return process.env[MARK] === '1';
}

/** Runs this script again in a new network namespace; returns its exit code. Rejects if the system does not support that. */
export function rerunOnLoopback(): Promise<number> {
  const asRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
  const start = 'ip link set lo up && exec "$@"';
  const own = [process.execPath, ...process.argv.slice(1)];
  const child = spawn('unshare', [...asRoot, '--net', 'sh', '-c', start, 'sh', ...own], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  });
  const forward = (signal: NodeJS.Signals) => child.kill(signal);
  process.on('SIGTERM', forward);
  process.on('SIGINT', () => undefined);
  return new Promise((resolve, reject) => {
    child.on('error', () => reject(new Error('requires Linux with `unshare` and `ip`, to run without a network')));
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
