import { describe, expect, test } from 'vitest';
import { RATE_KINDS } from '#src/contracts/limit-kinds.ts';
import { createServedRates, type ForecastInput, forecastStartMs, type Obstacle } from '#src/limits/forecast.ts';
import { keptMs, passedInMs, readWindow, type Window } from '#src/limits/window.ts';

const NOW = 1_800_000_000_000;
const REQUESTS = RATE_KINDS.find(({ name }) => name === 'requestsPerMinute')!;
const DAY = RATE_KINDS.find(({ name }) => name === 'tokensPerDay')!;
const WINDOW_MS = keptMs(REQUESTS);
const slice = (agoMs: number) => Math.floor((NOW - agoMs) / 200);
const EMPTY = readWindow({}, NOW);

/** Starts that came so long ago, so many each. */
function windowOf(...starts: [agoMs: number, requests: number, tokens?: number][]): Window {
  const fields = starts.flatMap(([agoMs, requests, tokens = 0]) => [
    [`r${slice(agoMs)}`, String(requests)],
    [`t${slice(agoMs)}`, String(tokens)],
  ]);
  return readWindow(Object.fromEntries(fields), NOW);
}

describe('a window', () => {
  test('has its entries and the times when they leave', () => {
    const window = windowOf([40_000, 3, 30], [10_000, 2, 20]);
    expect(window.used).toMatchObject({ requestsPerMinute: 5, tokensPerMinute: 50 });
    expect(window.leaving.requestsPerMinute.map(({ inMs }) => inMs)).toEqual([WINDOW_MS - 40_000, WINDOW_MS - 10_000]);
  });

  test('has no entries older than a minute', () => {
    expect(windowOf([61_000, 9]).used.requestsPerMinute).toBe(0);
  });

  test.each([
    ['there is place', windowOf([1_000, 5]), 5, 0],
    ['one too many waits for the oldest', windowOf([40_000, 4], [1_000, 6]), 1, WINDOW_MS - 40_000],
    ['behind the oldest it waits for the next', windowOf([40_000, 4], [1_000, 6]), 5, WINDOW_MS - 1_000],
    ['a whole round later the pattern is the same', windowOf([40_000, 4], [1_000, 6]), 11, 2 * WINDOW_MS - 40_000],
    ['an empty window takes its limit at once', EMPTY, 10, 0],
    ['and the next round a minute later', EMPTY, 11, WINDOW_MS],
  ])('%s', (_name, window, amount, expected) => {
    expect(passedInMs(window, REQUESTS, 10, amount)).toBe(expected);
  });
});

test('entries that leave a large window together allow starts at a pace', () => {
  expect(passedInMs(windowOf([1_000, 500]), REQUESTS, 500, 101)).toBe(WINDOW_MS - 1_000 + 2_000);
});

const obstacle = (change: Partial<Obstacle>): Obstacle => ({
  limits: {},
  window: EMPTY,
  inFlight: 0,
  ahead: { requests: 0, tokens: 0 },
  ...change,
});
const input = (obstacles: Obstacle[], change: Partial<ForecastInput> = {}): ForecastInput => ({
  obstacles,
  tokens: 100,
  isBatch: false,
  callMs: 1_000,
  usedShare: 1,
  served: { count: 0, overMs: 0 },
  place: 0,
  ...change,
});

describe('a forecast', () => {
  test('is zero if nothing is limited and nothing is known', () => {
    expect(forecastStartMs(input([obstacle({ ahead: { requests: 1_000, tokens: 0 } })]))).toBe(0);
  });

  test('follows the tightest limit', () => {
    const rate = obstacle({ limits: { requestsPerMinute: 10 }, window: windowOf([40_000, 10]) });
    const calls = obstacle({ limits: { concurrency: 2 }, inFlight: 2 });
    expect(forecastStartMs(input([rate, calls]))).toBe(WINDOW_MS - 40_000);
  });

  test('with all permits in use, a call ends every (call time ÷ concurrency)', () => {
    const busy = obstacle({ limits: { concurrency: 4 }, inFlight: 4, ahead: { requests: 7, tokens: 0 } });
    expect(forecastStartMs(input([busy], { callMs: 2_000 }))).toBe(4_000);
  });

  test('counts the used part of others’ reserved tokens, but its own in full', () => {
    const limits = { tokensPerMinute: 1_000 };
    const ahead = { requests: 9, tokens: 9_000 };
    expect(forecastStartMs(input([obstacle({ limits, ahead })], { usedShare: 0.1 }))).toBe(0);
    expect(forecastStartMs(input([obstacle({ limits, ahead })], { usedShare: 0.2 }))).toBe(WINDOW_MS);
  });

  test('of a request larger than the limit is the wait for an empty window, not for ever', () => {
    const full = obstacle({ limits: { tokensPerMinute: 1_000 }, window: windowOf([40_000, 1, 900]) });
    expect(forecastStartMs(input([full], { tokens: 5_000 }))).toBe(WINDOW_MS - 40_000);
  });

  test('includes a provider’s retry-after', () => {
    expect(forecastStartMs(input([obstacle({ window: readWindow({ blocked: String(NOW + 30_000) }, NOW) })]))).toBe(
      30_000,
    );
  });

  test('uses experience if no limit explains the wait', () => {
    const change = { served: { count: 50, overMs: 10_000 }, place: 20 };
    expect(forecastStartMs(input([obstacle({})], change))).toBe(4_000);
    const full = obstacle({ limits: { requestsPerMinute: 10 }, window: windowOf([59_000, 10]) });
    expect(forecastStartMs(input([full], change))).toBe(WINDOW_MS - 59_000);
  });

  test('of the batch lane leaves its share of a limit to the interactive one', () => {
    const nearlyFull = obstacle({ limits: { requestsPerMinute: 100 }, window: windowOf([40_000, 98]) });
    expect(forecastStartMs(input([nearlyFull]))).toBe(0);
    expect(forecastStartMs(input([nearlyFull], { isBatch: true }))).toBe(WINDOW_MS - 40_000);
  });

  test('handles separate limits of input and output; waiting requests are assumed to be similar', () => {
    const ahead = { requests: 9, tokens: 9_000 };
    const input9 = obstacle({ limits: { inputTokensPerMinute: 1_000 }, ahead });
    const of = (inputTokens: number) => forecastStartMs(input([input9], { inputTokens }));
    expect(of(10)).toBe(0);
    expect(of(20)).toBe(WINDOW_MS);
    const output9 = obstacle({ limits: { outputTokensPerMinute: 1_000 }, ahead });
    expect(forecastStartMs(input([output9], { inputTokens: 90 }))).toBe(0);
    expect(forecastStartMs(input([output9], { inputTokens: 80 }))).toBe(WINDOW_MS);
  });

  test('of a daily limit is a day', () => {
    const hourAgo = Math.floor((NOW - 3_600_000) / 288_000);
    const window = readWindow({ [`dt${hourAgo}`]: '950' }, NOW);
    const startMs = forecastStartMs(input([obstacle({ limits: { tokensPerDay: 1_000 }, window })]));
    expect(startMs).toBe(hourAgo * 288_000 + keptMs(DAY) - NOW);
  });
});

test('needs two observations to know how many passed', () => {
  const rates = createServedRates();
  expect(rates.look('l', 100, false, 0)).toEqual({ count: 0, overMs: 0 });
  expect(rates.look('l', 130, false, 3_000)).toEqual({ count: 30, overMs: 3_000 });
});

test('only uses the last seconds', () => {
  const { count, overMs } = servedAfterSlowdown();
  expect(count / overMs).toBeCloseTo(0.001, 4);
});

test('starts over after an empty queue, a gap, or a count that restarted', () => {
  const rates = createServedRates();
  rates.look('l', 10, false, 0);
  rates.look('l', 20, true, 1_000);
  expect(rates.look('l', 30, false, 2_000).count).toBe(0);
  expect(rates.look('l', 40, false, 9_000).count).toBe(0);
  expect(rates.look('l', 5, false, 10_000).count).toBe(0);
  expect(rates.look('l', 15, false, 11_000)).toEqual({ count: 10, overMs: 1_000 });
});

/** A hundred a second for half a minute, then one a second. */
test('ignores what passed while a full window delayed the queue', () => {
  const rates = createServedRates();
  rates.look('l', 600, false, 0);
  rates.look('l', 624, false, 4_000);
  rates.forget('l');
  expect(rates.look('l', 624, false, 4_100)).toEqual({ count: 0, overMs: 0 });
  expect(rates.look('l', 804, false, 7_100)).toEqual({ count: 180, overMs: 3_000 });
});

function servedAfterSlowdown() {
  const rates = createServedRates();
  let total = 0;
  let served = { count: 0, overMs: 0 };
  for (let second = 0; second <= 60; second++) {
    total += second < 30 ? 100 : 1;
    served = rates.look('l', total, false, second * 1_000);
  }
  return served;
}
