// The simulator's own limits over HTTP; their arithmetic is tested in simulator/test/unit/admission.test.ts.
import { afterEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat, openRequest } from './client.ts';

let simulator: Simulator;

afterEach(() => simulator.close());

const hello = { body: chat('Hello.', { max_tokens: 10 }) };

describe('requests per minute', () => {
  test('above the limit are refused as OpenAI does', async () => {
    simulator = await startSimulator({ rpm: 2 });
    const first = await ask(simulator, hello);
    expect(first.headers).toMatchObject({
      'x-ratelimit-limit-requests': '2',
      'x-ratelimit-remaining-requests': '1',
      'x-ratelimit-reset-requests': expect.stringMatching(/^(1m0s|59\.\d+s)$/),
    });
    await ask(simulator, hello);
    const refused = await ask(simulator, hello);
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({
      'x-ratelimit-remaining-requests': '0',
      'retry-after': expect.stringMatching(/^(60|59)$/),
      'retry-after-ms': expect.stringMatching(/^\d{5}$/),
    });
    expect(JSON.parse(refused.text).error).toEqual({
      message: expect.stringMatching(
        /^Rate limit reached for gpt-4o in organization org-simulator on requests per min \(RPM\): Limit 2, Used 2, Requested 1\. Please try again in (59\.\d+s|1m0s)\. Visit /,
      ),
      type: 'requests',
      param: null,
      code: 'rate_limit_exceeded',
    });
    expect(simulator.stats()).toMatchObject({ rateLimited: 1, peaks: { requestsPerMinute: 2 } });
  });

  test('can be changed while it runs', async () => {
    simulator = await startSimulator({ rpm: 1 });
    await ask(simulator, hello);
    expect((await ask(simulator, hello)).status).toBe(429);
    simulator.change({ rpm: null });
    expect((await ask(simulator, hello)).status).toBe(200);
  });

  test('in a bucket are replenished one by one', async () => {
    // A thousandth of a minute each, minus the elapsed time.
    simulator = await startSimulator({ rpm: 1_000, limitStyle: 'bucket' });
    const { headers } = await ask(simulator, hello);
    expect(headers['x-ratelimit-reset-requests']).toMatch(/^([1-5]?\d|60)ms$/);
  });
});

describe('tokens per minute', () => {
  test('are reserved for the longest possible answer, then corrected', async () => {
    simulator = await startSimulator({ tpm: 100, tokens: 5 });
    const large = { body: chat('Hello.', { max_tokens: 80 }) };
    await ask(simulator, large);
    const { headers } = await ask(simulator, hello);
    // 10 for the prompt and 5 for the answer of the first call, 10 and 10 so far of the second.
    expect(headers['x-ratelimit-remaining-tokens']).toBe('65');
    const refused = await ask(simulator, large);
    expect(JSON.parse(refused.text).error).toMatchObject({
      type: 'tokens',
      message: expect.stringContaining('tokens per min (TPM): Limit 100, Used 30, Requested 90.'),
    });
  });

  test('no wait is announced to a request larger than the limit', async () => {
    simulator = await startSimulator({ tpm: 50 });
    const { status, headers, text } = await ask(simulator, { body: chat('Hello.', { max_tokens: 80 }) });
    expect(status).toBe(429);
    expect(headers).not.toHaveProperty('retry-after');
    expect(JSON.parse(text).error.message).toContain('Request too large for gpt-4o');
  });
});

describe('concurrent calls', () => {
  test('above the limit are refused until one ends', async () => {
    simulator = await startSimulator({ concurrency: 1 });
    const held = openRequest(simulator, { body: chat('[[sim fault=silence]]') });
    await simulator.until(({ inFlight }) => inFlight === 1);
    expect((await ask(simulator, hello)).status).toBe(429);
    held.abort();
    await simulator.until(({ inFlight }) => inFlight === 0);
    expect((await ask(simulator, hello)).status).toBe(200);
    expect(simulator.stats().peaks.inFlight).toBe(1);
  });
});

describe('faults', () => {
  test('count as requests but not as tokens', async () => {
    simulator = await startSimulator({ rpm: 10, tpm: 1_000, faults: ['500 first=1'] });
    await ask(simulator, hello);
    const { headers } = await ask(simulator, hello);
    expect(headers).toMatchObject({ 'x-ratelimit-remaining-requests': '8', 'x-ratelimit-remaining-tokens': '980' });
  });

  test('do not apply to requests that the limits have refused', async () => {
    simulator = await startSimulator({ rpm: 1, faults: ['500 first=1'] });
    simulator.change({ rpm: 1 });
    await ask(simulator, hello);
    await ask(simulator, hello);
    expect(simulator.faults.list()).toMatchObject([{ matched: 1, fired: 1 }]);
  });
});
