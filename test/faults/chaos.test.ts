// The short form of `npm run chaos`: API and worker processes die at random under mixed load, Redis with them. What is
// promised and how it is looked at: bench/chaos/.
import { expect, test } from 'vitest';
import { runChaos } from '../../bench/chaos/run-chaos.ts';

const LIMIT_MS = 120_000;

test('nothing is lost, doubled or passed off as whole', { timeout: LIMIT_MS }, async () => {
  const progress: string[] = [];
  const report = await runChaos({
    durationMs: 9_000,
    clients: 60,
    seed: 5,
    apis: 2,
    workers: 3,
    redisRestarts: 1,
    waitsForDrain: false,
    onProgress: (line) => progress.push(line),
  });
  expect(report.violations, progress.join('\n')).toEqual([]);
  expect(report.kills).toEqual({ api: expect.any(Number), worker: expect.any(Number), redis: 1 });
  expect(report.endings.whole).toBeGreaterThan(50);
  expect(report.faults).toBeGreaterThan(0);
});
