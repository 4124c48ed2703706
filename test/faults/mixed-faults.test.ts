// The short form of `npm run chaos -- --mixed`: no process is killed, and everything around the processes fails in turn. In the
// end ledger, budget and the providers' bills are equal, nothing is stuck, and no process was restarted.
import { expect, test } from 'vitest';
import { runChaos } from '../../bench/chaos/run-chaos.ts';

const LIMIT_MS = 120_000;

test('nothing is lost, duplicated, stuck or restarted', { timeout: LIMIT_MS }, async () => {
  const progress: string[] = [];
  const report = await runChaos({
    durationMs: 10_000,
    clients: 40,
    seed: 7,
    apis: 2,
    workers: 2,
    redisRestarts: 0,
    mixesFaults: true,
    waitsForDrain: false,
    onProgress: (line) => progress.push(line),
  });
  expect(report.violations, progress.join('\n')).toEqual([]);
  expect(Object.keys(report.disturbances)).toEqual(
    expect.arrayContaining([
      'Redis is a replica',
      'Redis is out of memory',
      'SQL is locked',
      'SQL refuses rows',
      'uploads cut',
    ]),
  );
  expect(report.kills).toEqual({});
  expect(report.endings.whole).toBeGreaterThan(50);
  expect(report.faults).toBeGreaterThan(0);
});
