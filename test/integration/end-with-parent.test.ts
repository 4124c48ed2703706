// Symptom: a benchmark that SIGTERM or SIGINT had ended left Redis, brokers and load generators behind. Cause: Node emits no `exit`
// for a signal that nothing handles. Fix: what starts processes handles the signals while one runs.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isAlive } from '#test/support/end-with-parent.ts';
import { waitFor } from '#test/support/wait.ts';

const PARENT = `
  import { spawn } from 'node:child_process';
  import { endWithParent } from '#test/support/end-with-parent.ts';
  const children = [1, 2].map(() => endWithParent(spawn('sleep', ['600'])));
  console.log(children.map(({ pid }) => pid).join(' '));`;

test.each([
  { how: 'SIGTERM', signal: 'SIGTERM', status: 143 },
  { how: 'SIGINT', signal: 'SIGINT', status: 130 },
  { how: 'SIGHUP', signal: 'SIGHUP', status: 129 },
  { how: 'an error', signal: null, status: 1 },
] as const)('children end with a process that $how ends', async ({ signal, status }) => {
  const script = `${PARENT}${signal === null ? "setImmediate(() => { throw new Error('a bug'); });" : ''}`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exited = once(parent, 'exit');
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const children = String(line).trim().split(' ').map(Number);
  expect(children).toHaveLength(2);
  if (signal !== null) parent.kill(signal);
  expect(await exited).toEqual([status, null]);
  await waitFor('the end of the children', () => !children.some(isAlive));
});

test('a process whose children have ended is not kept alive, and takes signals as before', async () => {
  const script = `${PARENT} for (const child of children) child.kill();`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
  expect(await once(parent, 'exit')).toEqual([0, null]);
});
