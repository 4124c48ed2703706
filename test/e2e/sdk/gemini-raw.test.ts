// Gemini's protocol without its SDK: the JSON array of a stream without `alt=sse`, the possible places of a key, token counts,
// and the cost, which the SDK does not show.
import { describe, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { PROVIDER_MODELS, useProviders } from '#test/support/sdk/providers.ts';

const vendors = useProviders();
const JSON_TYPE = { 'content-type': 'application/json' };

interface Chunk {
  candidates?: { content?: { parts?: { text?: string; thought?: boolean }[] }; finishReason?: string }[];
  usageMetadata?: Record<string, unknown>;
  cost?: number;
  error?: { code: number };
}

function post(path: string, text: string, headers: Record<string, string> = { 'x-goog-api-key': TEST_KEY }) {
  return fetch(`${vendors.broker.url}${path}`, {
    method: 'POST',
    headers: { ...JSON_TYPE, ...headers },
    body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text }] }] }),
  });
}

const textOf = (chunks: readonly Chunk[]) =>
  chunks
    .flatMap(({ candidates }) => candidates?.[0]?.content?.parts ?? [])
    .map(({ text, thought }) => (thought === true ? '' : (text ?? '')))
    .join('');

describe.each(PROVIDER_MODELS)('$model ($provider)', ({ model }) => {
  describe.each(['v1', 'v1beta', 'v1alpha'])('%s', (version) => {
    const path = `/${version}/models/${model}`;

    test('a stream without alt=sse is one JSON array, and its last element has the cost', async () => {
      const answer = await post(`${path}:streamGenerateContent`, 'Reply with exactly: one after the other');
      expect(answer.headers.get('content-type')).toContain('application/json');
      const chunks = (await answer.json()) as Chunk[];
      expect(textOf(chunks)).toBe('one after the other');
      expect(chunks.length).toBeGreaterThan(1);
      expect(chunks.at(-1)).toMatchObject({ usageMetadata: { cost: expect.any(Number) }, cost: expect.any(Number) });
    });

    test('a stream with alt=sse has the same as events', async () => {
      const answer = await post(`${path}:streamGenerateContent?alt=sse`, 'Reply with exactly: one after the other');
      const events = (await answer.text()).trim().split(/\r?\n\r?\n/);
      const chunks = events.map((event) => JSON.parse(event.replace(/^data: /, '')) as Chunk);
      expect(textOf(chunks)).toBe('one after the other');
      expect(chunks.at(-1)).toMatchObject({ usageMetadata: { cost: expect.any(Number) }, cost: expect.any(Number) });
    });

    test('an unstreamed answer has its cost', async () => {
      const answer = await post(`${path}:generateContent`, 'Reply with exactly: all at once');
      const whole = (await answer.json()) as Chunk;
      expect(textOf([whole])).toBe('all at once');
      expect(whole).toMatchObject({ usageMetadata: { cost: expect.any(Number) }, cost: expect.any(Number) });
    });
  });

  test('an error in the middle of the array is the last element', async () => {
    const answer = await post(
      `/v1beta/models/${model}:streamGenerateContent`,
      '[[sim fault=error_event@25 tokens=60]] Hello.',
    );
    const chunks = (await answer.json()) as Chunk[];
    expect(chunks.at(-1)?.error?.code).toBeGreaterThanOrEqual(500);
  });

  test('tokens are counted', async () => {
    const answer = await post(`/v1beta/models/${model}:countTokens`, 'How many are these?');
    expect(await answer.json()).toMatchObject({ totalTokens: expect.any(Number) });
  });
});

test.each<[string, string, Record<string, string>]>([
  ['its header', '', { 'x-goog-api-key': TEST_KEY }],
  ['the query', `?key=${TEST_KEY}`, {}],
  ['a bearer', '', { authorization: `Bearer ${TEST_KEY}` }],
])('a key may be in %s', async (_place, query, headers) => {
  const answer = await post(`/v1beta/models/gemini-2.5-flash:generateContent${query}`, 'Hello.', headers);
  expect(answer.status).toBe(200);
});

test('a wrong key gets an error in Google’s format', async () => {
  const answer = await post('/v1beta/models/gpt-4o:generateContent', 'Hello.', { 'x-goog-api-key': 'wrong' });
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ error: { code: 401, status: 'UNAUTHENTICATED' } });
});
