// The random draw of a conversation: the same for all of its turns, and free for requests that cannot be recognised.
import { describe, expect, test } from 'vitest';
import { type AffinityInput, lotsOf, prefixHash } from '#src/api/admit/affinity.ts';

const base: AffinityInput = { keyId: 'key_1', headers: {}, value: {}, facts: { model: 'm' } };
const draws = (more: Partial<AffinityInput>) => {
  const lots = lotsOf({ ...base, ...more });
  return lots === undefined ? null : [lots(), lots()];
};
const answered = (first: string) => [
  { role: 'user', content: first },
  { role: 'assistant', content: 'ok' },
];

test.each<[string, Partial<AffinityInput>]>([
  ['nothing', {}],
  ['a first turn', { value: { messages: [{ role: 'user', content: 'Hello' }] } }],
  ['a text', { value: { input: 'Hello' } }],
  ['a user without a session', { value: { metadata: { user_id: 'ada' } } }],
  ['what is no list', { value: { messages: 'x', input: 7 } }],
  ['items that are none', { value: { input: [null, 7, 'x'] } }],
])('%s draws at random', (_, input) => {
  expect(draws(input)).toBeNull();
});

test.each<[string, Partial<AffinityInput>, Partial<AffinityInput>]>([
  ['a cache key', { value: { prompt_cache_key: 'k', input: 'a' } }, { value: { prompt_cache_key: 'k', input: 'b' } }],
  ['a session of Codex', { headers: { session_id: 's' } }, { headers: { session_id: 's' }, value: { input: 'b' } }],
  [
    'a session of Claude Code',
    { value: { metadata: { user_id: 'user_1_session_2' }, messages: [] } },
    { value: { metadata: { user_id: 'user_1_session_2' }, messages: [{ role: 'user' }] } },
  ],
  [
    'a longer history',
    { value: { messages: answered('Hello') } },
    { value: { messages: [...answered('Hello'), ...answered('Next')] } },
  ],
  [
    'Gemini’s history',
    {
      value: {
        contents: [
          { role: 'user', parts: [] },
          { role: 'model', parts: [] },
        ],
      },
    },
    {
      value: {
        contents: [
          { role: 'user', parts: [] },
          { role: 'model', parts: [{}] },
        ],
      },
    },
  ],
  [
    'a first message that was recalled',
    { firstMessage: { role: 'user' } },
    { firstMessage: { role: 'user' }, value: {} },
  ],
])('%s draws the same number', (_, one, other) => {
  expect(draws(one)).not.toBeNull();
  expect(draws(one)).toEqual(draws(other));
});

test('another key, model or conversation draws other numbers', () => {
  const value = { prompt_cache_key: 'k' };
  const all = [
    draws({ value }),
    draws({ value, keyId: 'key_2' }),
    draws({ value, facts: { model: 'n' } }),
    draws({ value: { prompt_cache_key: 'l' } }),
  ];
  expect(new Set(all.map(String)).size).toBe(4);
});

describe('the drawn numbers', () => {
  test('are evenly distributed from 0 to 1', () => {
    const lots = lotsOf({ ...base, value: { prompt_cache_key: 'k' } })!;
    const drawn = Array.from({ length: 2_000 }, lots);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...drawn)).toBeLessThan(1);
    expect(drawn.reduce((sum, lot) => sum + lot, 0) / drawn.length).toBeCloseTo(0.5, 1);
    expect(new Set(drawn).size).toBeGreaterThan(1_990);
  });
});

describe('prompts with the same beginning', () => {
  const long = 'You are a careful assistant. '.repeat(300);
  const asked = (system: string, user: string) => ({
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: user },
    ],
  });

  test('have the same hash, whatever follows', () => {
    const hash = prefixHash(asked(long, 'one'));
    expect(hash).not.toBeNull();
    expect(prefixHash(asked(long, 'another'))).toBe(hash);
    expect(prefixHash({ ...asked(long, 'one'), temperature: 1 })).toBe(hash);
    expect(prefixHash(asked(`But ${long}`, 'one'))).not.toBe(hash);
    expect(prefixHash({ ...asked(long, 'one'), tools: [{ name: 'x' }] })).not.toBe(hash);
  });

  test.each([[null], [{}], [7], [asked('short', 'x')], [{ messages: 'x' }]])('%j is too short for a cache', (value) => {
    expect(prefixHash(value)).toBeNull();
  });
});

test('only the beginning of a first message with a large image counts', () => {
  const withImage = (url: string) => ({
    value: {
      messages: [
        { role: 'user', content: [{ image_url: { url } }] },
        { role: 'assistant', content: 'ok' },
      ],
    },
  });
  const image = 'A'.repeat(2_000_000);
  expect(draws(withImage(image))).toEqual(draws(withImage(`${image}B`)));
  expect(draws(withImage(image))).toEqual(draws(withImage('A'.repeat(4_097))));
  expect(draws(withImage(image))).not.toEqual(draws(withImage(`B${image}`)));
});
