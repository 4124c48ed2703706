// Symptom: a worker that ended because of an uncaught exception was not restarted. Cause: it had shut down in order and exited
// with status 0, which tells a supervisor that everything is done. Fix: an unrequested end never has status 0.
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

const LIFECYCLE = new URL('../../../src/process/lifecycle.ts', import.meta.url).href;

function run(then: string, closing = ''): Promise<{ code: number | null; log: string }> {
  const program = `
    import { manageLifecycle } from ${JSON.stringify(LIFECYCLE)};
    const say = (details, text) => console.log(text + ' ' + (details.err?.message ?? details.reason ?? ''));
    const logger = { info: say, warn: say, error: say, fatal: say };
    setInterval(() => undefined, 1_000);
    manageLifecycle(logger, 5_000, async () => { ${closing} console.log('closed'); });
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (log += piece.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, log })));
}

test('a process that is told to end exits with 0', async () => {
  const { code, log } = await run(`process.kill(process.pid, 'SIGTERM')`);
  expect(log).toContain('closed');
  expect(code).toBe(0);
});

test('a second error during shutdown does not interrupt it', async () => {
  const fail = (after: number) => `setTimeout(() => { throw new Error('fault ${after}') }, ${after});`;
  const { code, log } = await run(fail(1) + fail(30), 'await new Promise((resolve) => setTimeout(resolve, 200));');
  expect(log).toMatch(/fault 1.*fault 30.*closed/s);
  expect(code).toBe(1);
});

test('a process ended by an error shuts down in order, with an exit status that shows it', async () => {
  const { code, log } = await run(`setTimeout(() => { throw new Error('a fault') }, 1)`);
  expect(log).toContain('a fault');
  expect(log).toContain('closed');
  expect(code).toBe(1);
});
