// The short form of `npm run chaos`: processes of each tier, and a combined one, are killed at random under mixed load with
// hedging, and Redis is killed too. bench/chaos/ has the checks.
import { expect, test } from 'vitest';
import { runChaos } from '../../bench/chaos/run-chaos.ts';

const LIMIT_MS = 120_000;

test('nothing is lost, duplicated or shown as complete when it is not', { timeout: LIMIT_MS }, async () => {
  const progress: string[] = [];
  const report = await runChaos({
    durationMs: 9_000,
    clients: 60,
    seed: 5,
    apis: 1,
    workers: 2,
    combined: 1,
    isHedged: true,
    redisRestarts: 1,
    waitsForDrain: false,
    onProgress: (line) => progress.push(line),
  });
  expect(report.violations, progress.join('\n')).toEqual([]);
  expect(report.kills).toMatchObject({ redis: 1 });
  expect(Object.values(report.kills).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(2);
  expect(report.endings.whole).toBeGreaterThan(50);
  expect(report.faults).toBeGreaterThan(0);
});
