// `sluice api` and `sluice worker`: the processes have entry points of their own (src/main.ts, workers/inference.ts);
// this one only hands arguments, signals and the exit code through.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);

/** Does not return before the process ends; then this process ends the same way. */
export async function runProcess(
  entry: string,
  args: readonly string[],
  variables: Record<string, string | undefined>,
): Promise<never> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(entry, ROOT)), ...args], {
    stdio: 'inherit',
    env: variables as NodeJS.ProcessEnv,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve) =>
    child.once('exit', (exit, signal) => resolve(signal === null ? (exit ?? 1) : 1)),
  );
  process.exit(code);
}
