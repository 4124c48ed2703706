// How long a provider may be silent, by default and as configured; and the recorded growth of its answer.
import { describe, expect, test, vi } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { AttemptClock, silenceLimits } from '#workers/inference/attempt-clock.ts';

function limits(
  { timeouts = {}, firstTokenMs }: { timeouts?: object; firstTokenMs?: number },
  isStream: boolean,
  hasAlternative: boolean,
) {
  const { deployments } = createCatalogue(
    configurationSchema.parse({
      providers: { vendor: { protocols: ['openai-chat'], base_url: 'http://127.0.0.1:1/v1', timeouts } },
      models: { m: { deployments: [{ provider: 'vendor', model: 'm', first_token_ms: firstTokenMs }] } },
    }),
  );
  return silenceLimits(deployments.get('vendor/m')!, isStream, hasAlternative);
}

describe('by default', () => {
  test('a stream is abandoned early if another deployment can answer, and late if none can', () => {
    expect(limits({}, true, true)).toMatchObject({ firstByteMs: 30_000, idleMs: 30_000, firstTokenMs: null });
    expect(limits({}, true, false)).toMatchObject({ firstByteMs: 90_000, idleMs: 90_000 });
  });

  test('an unstreamed answer may take long: its status arrives with its end', () => {
    expect(limits({}, false, true)).toMatchObject({ firstByteMs: 300_000, idleMs: null, totalMs: 600_000 });
    expect(limits({}, false, false)).toMatchObject({ firstByteMs: null, idleMs: null, totalMs: 600_000 });
  });
});

test.each([
  [true, true],
  [true, false],
  [false, true],
  [false, false],
])('configured limits apply (streamed: %s, another deployment: %s)', (isStream, hasAlternative) => {
  const timeouts = { first_byte_ms: 1_000, idle_ms: 2_000, total_ms: 3_000 };
  expect(limits({ timeouts, firstTokenMs: 60_000 }, isStream, hasAlternative)).toMatchObject({
    firstByteMs: 1_000,
    idleMs: 2_000,
    totalMs: 3_000,
  });
});

describe('a limit on the first token', () => {
  test('applies to streams that another deployment could answer', () => {
    expect(limits({ firstTokenMs: 500 }, true, true).firstTokenMs).toBe(500);
    expect(limits({ firstTokenMs: 500 }, true, false).firstTokenMs).toBeNull();
    expect(limits({ firstTokenMs: 500 }, false, true).firstTokenMs).toBeNull();
  });

  test('that is long also extends the limit on the first byte', () => {
    expect(limits({ firstTokenMs: 180_000 }, true, true).firstByteMs).toBe(180_000);
    expect(limits({ firstTokenMs: 180_000 }, true, false).firstByteMs).toBe(180_000);
    expect(limits({ firstTokenMs: 500 }, true, false).firstByteMs).toBe(90_000);
  });
});

describe('how an answer grew', () => {
  /** @param every one token, in ms. */
  function grown(totalMs: number, every: number) {
    vi.useFakeTimers({ now: 1_000_000 });
    const timeouts = { firstByteMs: null, firstTokenMs: null, idleMs: null, totalMs: 3_600_000 };
    const clock = new AttemptClock({ timeouts, deadlineAtMs: 1e13 }, () => undefined);
    let counted = 0;
    for (let ms = every; ms <= totalMs; ms += every) {
      vi.advanceTimersByTime(every);
      clock.activity();
      clock.sample(() => {
        counted++;
        return ms / every;
      });
    }
    clock.stop();
    vi.useRealTimers();
    return { samples: clock.samples, counted };
  }

  test('an answer of a second has a few points, one of half an hour at most sixteen, over its whole length', () => {
    const short = grown(1_000, 20).samples;
    expect(short.length).toBeGreaterThanOrEqual(4);
    expect(short.length).toBeLessThanOrEqual(5);
    const long = grown(1_800_000, 50);
    expect(long.samples.length).toBeGreaterThanOrEqual(8);
    expect(long.samples.length).toBeLessThanOrEqual(16);
    expect(long.samples.at(-1)![0]).toBeGreaterThan(1_500_000);
    for (const [ms, tokens] of long.samples) expect(tokens).toBe(ms / 50);
    // Tokens are counted only at the recorded points, not at every event.
    expect(long.counted).toBeLessThan(130);
  });
});
