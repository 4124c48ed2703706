// Strategies over a day: how an export of the ledger is read, and that each strategy does what its name says.
import { expect, test } from 'vitest';
import { csvLine } from '#src/ledger/export.ts';
import { readRecording } from '../../../scripts/simulate-strategies/recording.ts';
import { type Call, HEDGED, STATIC, simulate, type World } from '../../../scripts/simulate-strategies/simulate.ts';

const HOUR_MS = 3_600_000;
const BEGIN_MS = 1_795_000_000_000;
const COLUMNS = ['provider', 'model', 'outcome', 'attempt', 'started_at', 'first_byte_ms', 'duration_ms', 'cost_usd'];

type Line = (string | number | null)[];

/** A call a minute over a day: `quick` is dear, `cheap` is slow and down from the sixth to the eighth hour. */
function lines(): Line[] {
  return Array.from({ length: 24 * 60 }, (_, minute): Line[] => {
    const atMs = BEGIN_MS + minute * 60_000;
    const isDown = minute >= 6 * 60 && minute < 8 * 60;
    const outcome = isDown ? 'upstream_server_error' : 'ok';
    return [
      ['quick', 'm', 'ok', 1, atMs, 100, 900, '0.02'],
      ['cheap', 'm', outcome, 1, atMs + 1, isDown ? null : 800, isDown ? 50 : 2_000, isDown ? '0' : '0.001'],
    ];
  }).flat();
}

const csv = (...more: Line[]) => [COLUMNS, ...lines(), ...more].map(csvLine).join('');
const random = () => 0.5;

test('a recording gives at each moment the results of its calls around that moment', () => {
  const { providers, arrivalsMs, lengthMs, callAt } = readRecording(csv());
  expect(providers).toEqual([
    { name: 'quick', tier: 1, costUsd: expect.closeTo(0.02) },
    { name: 'cheap', tier: 2, costUsd: expect.closeTo(0.001) },
  ]);
  expect(arrivalsMs).toHaveLength(2 * 24 * 60);
  expect(lengthMs / HOUR_MS).toBeCloseTo(24, 1);
  expect(callAt('cheap', 7 * HOUR_MS, random)).toMatchObject({ failed: true, firstTokenMs: 50, costUsd: 0 });
  expect(callAt('cheap', 9 * HOUR_MS, random)).toMatchObject({ failed: false, firstTokenMs: 800, costUsd: 0.001 });
  expect(callAt('quick', 7 * HOUR_MS, random)).toMatchObject({ failed: false, firstTokenMs: 100, costUsd: 0.02 });
  expect(callAt('quick', 99 * HOUR_MS, random)).toMatchObject({ failed: false });
});

test('refusals of the request itself, other models and providers with few calls are left out', () => {
  const of = (provider: string, model: string, outcome: string): Line => [
    provider,
    model,
    outcome,
    1,
    BEGIN_MS,
    null,
    9,
    '0',
  ];
  const refused = Array.from({ length: 50 }, () => of('quick', 'm', 'upstream_bad_request'));
  const others = Array.from({ length: 50 }, () => of('elsewhere', 'other', 'ok'));
  const { providers, arrivalsMs } = readRecording(csv(...refused, ...others, of('rare', 'm', 'ok')), 'm');
  expect(providers.map(({ name }) => name)).toEqual(['quick', 'cheap']);
  expect(arrivalsMs.length).toBeLessThanOrEqual(2 * 24 * 60 + 1);
});

test('an invalid export is refused with a reason', () => {
  expect(() => readRecording('provider,outcome\r\na,ok\r\n')).toThrow('no column attempt');
  expect(() => readRecording(csv(), 'unknown')).toThrow('at least two providers');
});

test('strategies differ as expected', () => {
  const world: World = readRecording(csv());
  const [ordered, cheapest, quickest] = [STATIC, 'lowest_price', 'lowest_latency'].map((strategy) =>
    simulate(world, strategy as typeof STATIC),
  );
  expect(cheapest!.costPerThousandUsd).toBeLessThan(ordered!.costPerThousandUsd / 4);
  expect(cheapest!.p50Ms).toBe(800);
  expect(quickest!.p95Ms).toBeLessThan(cheapest!.p95Ms);
  // It is down for two hours, and the other one answers.
  expect([ordered!, cheapest!, quickest!].map(({ failedPercent }) => failedPercent)).toEqual([0, 0, 0]);
});

test('hedging shortens the tail, within its bounds', () => {
  const facts = (name: string, tier: number) => ({ name, tier, costUsd: 0.01 });
  let calls = 0;
  // One call in forty of `first` takes ten seconds.
  const callAt = (name: string, _atMs: number, random: () => number): Call => {
    calls++;
    const isSlow = name === 'first' && random() < 0.025;
    return { firstTokenMs: isSlow ? 10_000 : 400 + 100 * random(), failed: false, costUsd: 0.01 };
  };
  const arrivalsMs = Array.from({ length: 20_000 }, (_, index) => index * 1_000);
  const world: World = { providers: [facts('first', 1), facts('second', 2)], lengthMs: 20_000_000, arrivalsMs, callAt };
  const plain = simulate(world, 'tiered');
  expect(plain.p99Ms).toBe(10_000);
  calls = 0;
  const hedged = simulate(world, HEDGED);
  expect(hedged.p99Ms).toBeLessThan(1_500);
  const more = calls / arrivalsMs.length - 1;
  expect(more).toBeGreaterThan(0.02);
  expect(more).toBeLessThanOrEqual(0.05);
  expect(hedged.costPerThousandUsd / plain.costPerThousandUsd).toBeCloseTo(1 + more, 6);
});
