import { expect, test } from 'vitest';
import { readAnnounced } from '#src/limits/announced-limits.ts';
import type { RateLimitHint } from '#src/protocols/protocol.ts';

const DAY_OF_GROQ: RateLimitHint = { limitRequests: 14_400, remainingRequests: 7_000, resetRequestsMs: 44_400_000 };

test.each<[string, RateLimitHint, [string, number, number, boolean][]]>([
  [
    'OpenAI: requests and tokens of a minute',
    {
      limitRequests: 500,
      remainingRequests: 200,
      resetRequestsMs: 36_000,
      limitTokens: 200_000,
      remainingTokens: 150_000,
      resetTokensMs: 15_000,
    },
    [
      ['requestsPerMinute', 500, 300, true],
      ['tokensPerMinute', 200_000, 50_000, false],
    ],
  ],
  ['Groq: requests of a day', DAY_OF_GROQ, [['requestsPerDay', 14_400, 7_400, true]]],
  [
    'a small limit of a day, after its first request',
    { limitRequests: 50, remainingRequests: 49, resetRequestsMs: 1_728_000 },
    [['requestsPerDay', 50, 1, true]],
  ],
  [
    'Anthropic: input and output apart, their summary is not a limit of its own',
    {
      limitTokens: 40_000,
      remainingTokens: 1_000,
      limitInputTokens: 30_000,
      remainingInputTokens: 1_000,
      limitOutputTokens: 8_000,
      remainingOutputTokens: 8_000,
    },
    [
      ['inputTokensPerMinute', 30_000, 29_000, true],
      ['outputTokensPerMinute', 8_000, 0, false],
    ],
  ],
  ['without what remains nobody knows whether it matters', { limitRequests: 500 }, []],
  ['more remains than there is', { limitRequests: 60, remainingRequests: 90 }, [['requestsPerMinute', 60, 0, true]]],
  ['numbers that are no limits', { limitRequests: 0, remainingRequests: 0, limitTokens: 0.5, remainingTokens: 0 }, []],
])('%s', (_name, hint, expected) => {
  const read = readAnnounced(hint).map(({ kind, limit, used, isNear }) => [kind.name, limit, used, isNear]);
  expect(read).toEqual(expected);
});
