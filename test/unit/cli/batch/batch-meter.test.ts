import { describe, expect, test } from 'vitest';
import { type BatchObject, batchObject, isWholeSuccess } from '#src/cli/batch/batch-object.ts';
import { createBatchMeter, describeReading } from '#src/cli/batch/watch-batch.ts';

const batch = (change: object): BatchObject =>
  batchObject.parse({
    id: 'batch_1',
    status: 'in_progress',
    endpoint: '/v1/chat/completions',
    input_file_id: 'file-1',
    created_at: 1_000,
    ...change,
  });
const counts = (completed: number, failed = 0, total = 1_000) => ({ request_counts: { total, completed, failed } });

test('with only standard members, lines and remaining time follow from the rate so far', () => {
  const meter = createBatchMeter();
  expect(meter.read(batch({ request_counts: null }), 0)).toMatchObject({ done: 0, total: 0, remainingMs: null });
  meter.read(batch(counts(0)), 1_000);
  const reading = meter.read(batch(counts(90, 10)), 11_000);
  expect(reading).toEqual({
    done: 100,
    total: 1_000,
    failed: 10,
    tokensPerSecond: null,
    costUsd: null,
    remainingMs: 99_000,
    isAtRisk: false,
  });
  expect(describeReading(reading, 'in_progress')).toBe('100/1,000 lines, 10 failed, 2 min left');
});

test('the rate follows the last minute', () => {
  const meter = createBatchMeter();
  for (let second = 0; second <= 100; second += 10) meter.read(batch(counts(second)), second * 1_000);
  // Ten times as fast from here on: after a minute the slow start is forgotten.
  for (let second = 10; second <= 60; second += 10) {
    meter.read(batch(counts(100 + second * 10)), (100 + second) * 1_000);
  }
  const { remainingMs } = meter.read(batch(counts(800)), 170_000);
  expect(remainingMs).toBeGreaterThan(19_000);
  expect(remainingMs).toBeLessThan(22_000);
});

test('members added by Sluice are shown', () => {
  const meter = createBatchMeter();
  const more = (tokens: number) => ({
    usage: { total_tokens: tokens, cost: 0.01 },
    x_sluice_cost: 0.0123,
    x_sluice_eta: 7_300,
    x_sluice_at_risk: true,
  });
  meter.read(batch({ ...counts(0), ...more(0) }), 0);
  const reading = meter.read(batch({ ...counts(1), ...more(5_000) }), 10_000);
  expect(describeReading(reading, 'in_progress')).toBe(
    '1/1,000 lines, 500 tokens/s, $0.0123, 2 h 2 min left, will exceed its completion window at this rate',
  );
});

describe('exit status', () => {
  test.each([
    ['completed', 0, true],
    ['completed', 1, false],
    ['expired', 0, false],
    ['cancelled', 0, false],
  ])('%s with %i failed lines: %s', (status, failed, whole) => {
    expect(isWholeSuccess(batch({ status, ...counts(5, failed) }))).toBe(whole);
  });
});
