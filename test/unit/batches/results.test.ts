import { describe, expect, test } from 'vitest';
import { readCompletionWindow } from '#src/batches/batch.ts';
import { countResult, encodeResult, isSuccess, NO_TOTALS, retryWaitMs } from '#src/batches/line-result.ts';
import { forecast, RateMeter } from '#src/batches/pacing.ts';
import { createFailure } from '#src/contracts/failure.ts';

const answered = (status: number, body: object | string) =>
  ({
    kind: 'answered',
    requestId: 'req_1',
    status,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  }) as const;

describe('a result line', () => {
  test('of an answer has its exact bytes', () => {
    const line = encodeResult('a"b', answered(200, '{"seed":12345678901234567890}'), 'x').toString();
    expect(line).toContain('"body":{"seed":12345678901234567890}');
    expect(JSON.parse(line)).toMatchObject({
      id: 'batch_req_1',
      custom_id: 'a"b',
      response: { status_code: 200, request_id: 'req_1' },
      error: null,
    });
  });
  test('is one line, even if the provider’s answer has several', () => {
    const line = encodeResult('a', answered(200, '{\r\n  "text": "two\\nlines"\n}\n'), 'x').toString();
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(JSON.parse(line).response.body).toEqual({ text: 'two\nlines' });
  });
  test('of a failure has a response and no error', () => {
    const result = answered(400, { error: { message: 'no' } });
    expect(isSuccess(result)).toBe(false);
    expect(JSON.parse(encodeResult('a', result, 'x').toString())).toMatchObject({
      response: { status_code: 400 },
      error: null,
    });
  });
  test.each(['expired', 'cancelled'] as const)('of a line that never ran (%s) has an error and no response', (kind) => {
    expect(JSON.parse(encodeResult('a', { kind }, 'x7').toString())).toEqual({
      id: 'batch_req_x7',
      custom_id: 'a',
      response: null,
      error: { code: `batch_${kind}`, message: expect.any(String) },
    });
  });
});

describe('usage is read in every protocol', () => {
  test.each([
    [
      'chat',
      {
        prompt_tokens: 10,
        completion_tokens: 5,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 },
        cost: 1e-7,
      },
      { inputTokens: 10, cachedInputTokens: 4, outputTokens: 5, reasoningTokens: 2, costPicoUsd: 100_000n },
    ],
    [
      'responses',
      {
        input_tokens: 10,
        output_tokens: 5,
        input_tokens_details: { cached_tokens: 4 },
        output_tokens_details: { reasoning_tokens: 2 },
      },
      { inputTokens: 10, cachedInputTokens: 4, outputTokens: 5, reasoningTokens: 2 },
    ],
    [
      'messages',
      { input_tokens: 10, output_tokens: 5, cache_read_input_tokens: 4, cache_creation_input_tokens: 3 },
      { inputTokens: 17, cachedInputTokens: 4, outputTokens: 5 },
    ],
    ['embeddings', { prompt_tokens: 10, total_tokens: 10 }, { inputTokens: 10, outputTokens: 0 }],
  ])('%s', (_name, usage, expected) => {
    const totals = { ...NO_TOTALS };
    countResult(totals, answered(200, { usage }));
    expect(totals).toEqual({ ...NO_TOTALS, completed: 1, ...expected });
  });
  test('failures and lines that never ran are counted separately', () => {
    const totals = { ...NO_TOTALS };
    countResult(totals, answered(500, {}));
    countResult(totals, { kind: 'expired' });
    expect(totals).toEqual({ ...NO_TOTALS, failed: 1, notRun: 1 });
  });
});

describe('which failures are retried', () => {
  const first = { tryNumber: 1, faults: 0 };
  test.each([
    ['a refusal of the request: never', 'upstream_bad_request', first, null],
    ['a full limit: after a second', 'upstream_rate_limited', first, 1_000],
    ['a full limit: however often', 'capacity_exhausted', { tryNumber: 40, faults: 0 }, 60_000],
    ['a provider’s fault', 'upstream_server_error', first, 1_000],
    ['a provider’s fault, once too often', 'upstream_server_error', { tryNumber: 5, faults: 4 }, null],
    ['a line that kills its workers, a few times', 'worker_lost', { tryNumber: 5, faults: 4 }, null],
    ['an empty budget: never', 'budget_exhausted', first, null],
    ['the last number of a try', 'upstream_rate_limited', { tryNumber: 1_023, faults: 0 }, null],
  ] as const)('%s', (_name, code, history, waitMs) => {
    expect(retryWaitMs(createFailure(code, 'x'), history, 4)).toBe(waitMs);
  });
  test('an announced wait is respected', () => {
    expect(retryWaitMs(createFailure('key_rate_limited', 'x', { retryAfterMs: 90_000 }), first, 4)).toBe(90_000);
  });
});

describe('completion windows', () => {
  test.each([
    ['1m', 60_000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('%s', (text, windowMs) => expect(readCompletionWindow(text)).toBe(windowMs));
  test.each(['', '24', '0h', '8d', '1.5h', '-1h', '24H', '1w'])('%s is refused', (text) =>
    expect(readCompletionWindow(text)).toMatchObject({ param: 'completion_window' }),
  );
});

describe('forecasts', () => {
  const time = { startedAtMs: 0, deadlineAtMs: 600_000 };
  test('there is no forecast from too few lines', () => {
    const meter = new RateMeter();
    meter.note(0, 0);
    meter.note(50, 2_000);
    expect(meter.rate).toBeNull();
    expect(forecast({ rate: null, remaining: 9, ...time }, 2_000)).toEqual({ etaMs: null, isAtRisk: false });
  });
  test('the last minute determines the rate', () => {
    const meter = new RateMeter();
    for (let second = 0; second <= 120; second++) meter.note(second < 60 ? 0 : (second - 60) * 10, second * 1_000);
    expect(meter.rate).toBeCloseTo(10);
  });
  test('a batch that will be late is at risk', () => {
    expect(forecast({ rate: 1, remaining: 100, ...time }, 1_000)).toEqual({ etaMs: 101_000, isAtRisk: false });
    expect(forecast({ rate: 1, remaining: 1_000, ...time }, 1_000)).toEqual({ etaMs: 1_001_000, isAtRisk: true });
  });
  test('a batch without progress is at risk when half of its time has passed', () => {
    expect(forecast({ rate: 0, remaining: 1, ...time }, 290_000).isAtRisk).toBe(false);
    expect(forecast({ rate: 0, remaining: 1, ...time }, 310_000).isAtRisk).toBe(true);
  });
});
