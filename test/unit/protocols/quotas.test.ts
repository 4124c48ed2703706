// Limits that a refusal names: nothing else announces them.
import { expect, test } from 'vitest';
import { readAnnounced } from '#src/limits/announced-limits.ts';
import { readQuotas } from '#src/protocols/providers/quotas.ts';

const google = (quotaId: string, quotaValue: unknown) => ({
  error: {
    code: 429,
    details: [{ '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId, quotaValue }] }],
  },
});

test.each<[string, unknown, string, object]>([
  [
    'requests of a minute',
    google('GenerateRequestsPerMinutePerProjectPerModel-FreeTier', '15'),
    '',
    { limitRequests: 15, remainingRequests: 0 },
  ],
  [
    'input of a minute',
    google('GenerateContentInputTokensPerModelPerMinute-FreeTier', '250000'),
    '',
    { limitInputTokens: 250_000, remainingInputTokens: 0 },
  ],
  [
    'requests of a day',
    google('GenerateRequestsPerDayPerProjectPerModel-FreeTier', '200'),
    '',
    { limitRequestsDay: 200 },
  ],
  ['a quota of nothing', google('GenerateRequestsPerMinutePerProjectPerModel', '0'), '', {}],
  ['a quota of another period', google('RequestsPerHour', '5'), '', {}],
  ['what is no quota', google('GenerateRequestsPerMinute', { much: 1 }), '', {}],
  ['a body that is none', null, 'Too many requests.', {}],
  [
    'words of tokens',
    {},
    'Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 28543, Requested 2000.',
    { limitTokens: 30_000, remainingTokens: 1_457 },
  ],
  [
    'words of a day',
    {},
    'Rate limit reached on requests per day (RPD): Limit 10,000, Used 10,000, Requested 1.',
    { limitRequestsDay: 10_000, remainingRequestsDay: 0 },
  ],
  [
    'words without a count',
    {},
    'Rate limit reached on requests per min (RPM): Limit 3 / min.',
    { limitRequests: 3, remainingRequests: 0 },
  ],
])('%s', (_, body, message, expected) => {
  expect(readQuotas(body, message)).toEqual(expected);
});

test('they are enforced as limits', () => {
  const announced = (hint: object) =>
    readAnnounced(hint).map(({ kind, limit, used, isNear }) => [kind.name, limit, used, isNear]);
  expect(announced({ limitRequests: 15, remainingRequests: 0 })).toEqual([['requestsPerMinute', 15, 15, true]]);
  expect(announced({ limitRequestsDay: 1_500 })).toEqual([['requestsPerDay', 1_500, 0, true]]);
  expect(
    announced({
      limitRequestsDay: 14_400,
      remainingRequestsDay: 14_000,
      limitTokensDay: 1_000_000,
      remainingTokensDay: 10,
    }),
  ).toEqual([
    ['requestsPerDay', 14_400, 400, false],
    ['tokensPerDay', 1_000_000, 999_990, true],
  ]);
});
