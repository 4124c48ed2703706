// The positions of a request's phases in its waterfall.
import { expect, test, vi } from 'vitest';
import { isFinal, untilFinal } from '../../../console/src/api/request.ts';
import type { Attempt, RequestDetail, TimelinePart } from '../../../console/src/api/types.ts';
import { growthOf, layOut } from '../../../console/src/waterfall/layout.ts';

const START = 1_000_000;

const attempt = (change: Partial<Attempt> = {}): Attempt => ({
  attempt: 1,
  provider: 'primary',
  model: 'm',
  outcome: 'ok',
  settlement: 'settled',
  started_at_ms: START + 100,
  first_byte_ms: 100,
  duration_ms: 900,
  usage: { input_tokens: 10, cached_input_tokens: 0, output_tokens: 80, reasoning_tokens: 0 },
  cost: 0.001,
  unpriced: [],
  ...change,
});

function request(timeline: TimelinePart[], attempts: Attempt[]): RequestDetail {
  return { timeline, attempts, status: 'completed', finished_at: 1, created_at: 1 } as unknown as RequestDetail;
}

const QUEUE: TimelinePart = { kind: 'queue', started_at_ms: START, duration_ms: 100 };
const CALL: TimelinePart = {
  kind: 'attempt',
  started_at_ms: START + 100,
  duration_ms: 900,
  provider: 'primary',
  attempt: 1,
  outcome: 'ok',
};

test('an attempt consists of the wait for its first byte and its growing answer', () => {
  const tokens: [number, number][] = [
    [300, 20],
    [500, 40],
  ];
  const [, row] = layOut(request([QUEUE, { ...CALL, tokens }], [attempt()]), 0).rows;
  expect(row!.pieces.map(({ from, to }) => [from, to])).toEqual([
    [0.1, 0.2],
    [0.2, 1],
  ]);
  expect(row!.pieces[1]!.curve).toEqual([
    [0, 0],
    [0.25, 0.25],
    [0.5, 0.5],
    [1, 1],
  ]);
});

test('a count by the broker that passes the provider’s own stays within the bar', () => {
  const points = growthOf({ tokens: [[500, 200]] }, attempt(), START + 200, START + 1_000);
  expect(points).toEqual([
    [0, 0],
    [0.5, 1],
    [1, 1],
  ]);
  expect(growthOf({ tokens: [[950, 20]] }, attempt(), START + 2_000, START + 2_100)!.every(([x]) => x >= 0)).toBe(true);
  expect(growthOf({}, attempt(), START, START + 1)).toBeNull();
});

test.each([
  ['hold', 'held by an operator'],
  ['circuit upstream_overloaded', 'circuit open: upstream overloaded'],
  ['limit provider:primary requests', 'limit full: provider:primary requests'],
  ['request parameter_unsupported', 'cannot take the request: parameter unsupported'],
])('a skipped provider is a mark with the reason as text (%s)', (reason, why) => {
  const skip: TimelinePart = { kind: 'skip', started_at_ms: START + 100, duration_ms: 0, provider: 'other', reason };
  const { rows, shares } = layOut(request([QUEUE, skip, CALL], [attempt()]), 0);
  expect(rows[1]).toMatchObject({ label: 'Not called · other', why, pieces: [], marks: [{ at: 0.1, kind: 'skip' }] });
  expect(shares.map(({ label }) => label)).not.toContain('Not called');
});

test('the point where a broken answer is continued is marked', () => {
  const [, row] = layOut(request([QUEUE, { ...CALL, rescue: 'continued' }], [attempt()]), 0).rows;
  expect(row).toMatchObject({ why: 'ok, continued the answer', marks: [{ at: 0.1, kind: 'rescue' }] });
});

test('a request is refreshed until its last attempt is in the ledger', () => {
  const ended = (change: Partial<RequestDetail>) =>
    ({
      ...request([QUEUE, CALL], [attempt()]),
      finished_at: START / 1_000,
      error: null,
      dead_letter: null,
      ...change,
    }) as RequestDetail;
  expect(isFinal(ended({}), START)).toBe(true);
  expect(isFinal(ended({ finished_at: null }), START)).toBe(false);
  expect(isFinal(ended({ attempts: [] }), START)).toBe(false);
  // An entry that the ledger has refused never comes.
  expect(isFinal(ended({ attempts: [] }), START + 300_000)).toBe(true);
});

// Both were requested once a second for as long as the page was open.
test('a missing request is not read again; one whose row was refused, less often and not for ever', () => {
  expect(untilFinal(undefined, null)).toBe(1_000);
  const refusal = (status: number) => Object.assign(new Error('refused'), { status });
  expect(untilFinal(undefined, refusal(503))).toBe(1_000);
  expect(untilFinal(undefined, refusal(404))).toBe(false);
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  const refused = { ...request([QUEUE, CALL], [attempt()]), status: 'completed', finished_at: null } as RequestDetail;
  const intervalAt = (ms: number) => {
    vi.setSystemTime(START + ms);
    return untilFinal(refused, null);
  };
  expect([0, 4_000, 6_000, 119_000, 121_000].map(intervalAt)).toEqual([1_000, 1_000, 5_000, 5_000, false]);
  const running = { ...refused, status: 'running' } as RequestDetail;
  expect([0, 200_000].map((ms) => vi.setSystemTime(START + ms) && untilFinal(running, null))).toEqual([1_000, 1_000]);
  vi.useRealTimers();
});

test('a failed request is refreshed until its dead letter can exist', () => {
  const failed = {
    ...request([QUEUE, CALL], [attempt({ outcome: 'upstream_error' })]),
    finished_at: START / 1_000,
    error: { code: 'upstream_error', message: null },
    dead_letter: null,
  } as unknown as RequestDetail;
  expect(isFinal(failed, START + 1_000)).toBe(false);
  expect(isFinal(failed, START + 6_000)).toBe(true);
  expect(isFinal({ ...failed, dead_letter: { body: 'none', message: '' } } as RequestDetail, START + 1_000)).toBe(true);
});

test('the row of an attempt keeps its name when another phase is found before it', () => {
  const [before] = layOut(request([CALL], [attempt()]), 0).rows;
  const after = layOut(request([QUEUE, CALL], [attempt()]), 0).rows.at(-1);
  expect(after!.id).toBe(before!.id);
});
