import { expect, test } from 'vitest';
import { createActiveRequests } from '#workers/inference/active-requests.ts';

const LONG_MS = 60_000;

test('a request is free if it is not active, and as soon as it no longer is', async () => {
  const active = createActiveRequests();
  expect(await active.whenFree('a', LONG_MS)).toBe(true);
  active.start('a');
  const free = active.whenFree('a', LONG_MS);
  active.finish('a');
  expect(await free).toBe(true);
});

test('waiting for it is bounded, and possible for one caller only', async () => {
  const active = createActiveRequests();
  active.start('a');
  const free = active.whenFree('a', 5);
  expect(await active.whenFree('a', LONG_MS)).toBe(false);
  expect(await free).toBe(false);
});
