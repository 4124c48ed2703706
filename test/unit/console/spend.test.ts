// Sums of the money page: comparisons, and the forecast for the month.
import { expect, test } from 'vitest';
import type { UsageRow } from '../../../console/src/api/types.ts';
import {
  changeOf,
  forecastMonth,
  percent,
  reportFiles,
  spentOn,
  totalsBy,
  totalsByDay,
} from '../../../console/src/money/spend.ts';

const row = (day: string, model: string, cost: number): UsageRow => ({
  day,
  model,
  attempts: 1,
  failed_attempts: 0,
  estimated_attempts: 0,
  unsettled_attempts: 0,
  input_tokens: 10,
  cached_input_tokens: 0,
  output_tokens: 5,
  reasoning_tokens: 0,
  cost_usd: String(cost),
});

test('every model is compared with its earlier spend, including models no longer used', () => {
  const rows = [row('2026-11-02', 'a', 1), row('2026-11-03', 'a', 2), row('2026-11-03', 'b', 5)];
  const before = [row('2026-10-02', 'a', 6), row('2026-10-02', 'gone', 4)];
  expect(totalsBy(rows, before, 'model').map(({ value, cost, before: then }) => [value, cost, then])).toEqual([
    ['b', 5, 0],
    ['a', 3, 6],
    ['gone', 0, 4],
  ]);
  expect([changeOf(3, 6), changeOf(5, 0)].map(percent)).toEqual(['-50 %', '–']);
  expect(totalsByDay(rows, '2026-11-01', 4)).toEqual([0, 1, 7, 0]);
});

// Doubles turn the first into 0.30000000000000004, and lose a picodollar next to ten million dollars.
test('amounts are added in picodollars, and rounded once', () => {
  const costs = (...values: string[]) => values.map((cost) => ({ ...row('2026-11-02', 'a', 0), cost_usd: cost }));
  expect(spentOn(costs('0.1', '0.2'))).toBe(0.3);
  expect(spentOn(costs('10000000', '0.000000000001', '-10000000'))).toBe(1e-12);
});

test('the forecast of a month uses its last seven complete days, without today', () => {
  const days = Array.from({ length: 14 }, (_, index) => row(`2026-11-${String(index + 1).padStart(2, '0')}`, 'a', 2));
  const now = Date.UTC(2026, 10, 15);
  const { spent, forecast } = forecastMonth([row('2026-10-31', 'a', 99), ...days, row('2026-11-15', 'a', 1)], now);
  expect(spent).toBe(29);
  expect(forecast).toBe(29 + 16 * 2);
  expect(forecastMonth([], now)).toEqual({ spent: 0, forecast: 0 });
});

test('a name that a spreadsheet would evaluate is text in the file', () => {
  const { csv, json } = reportFiles([row('2026-11-02', '=cmd|"x"', 1)], 'model');
  expect(decodeURIComponent(csv)).toContain(`2026-11-02,"'=cmd|""x""",1,0`);
  expect(JSON.parse(decodeURIComponent(json.split(',').slice(1).join(',')))).toHaveLength(1);
});
