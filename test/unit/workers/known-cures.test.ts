import { describe, expect, test } from 'vitest';
import { openingOf } from '#src/protocols/call/effective-request.ts';
import { type CureSubject, createKnownCures } from '#workers/inference/known-cures.ts';

const question = (text: string) => ({ role: 'user', content: text });
const subject = (messages: object[], more: Partial<CureSubject> = {}): CureSubject => ({
  step: { provider: 'acme', upstreamModel: 'm' },
  client: 'openai-chat',
  upstream: 'openai-chat',
  body: Buffer.from(JSON.stringify({ model: 'x', messages })),
  ...more,
});
const FIRST = subject([question('Hello.')]);
const LATER = subject([question('Hello.'), { role: 'assistant', content: 'Hi.' }, question('And?')]);
const OTHER = subject([question('Something else.')]);

describe('a remembered correction', () => {
  test('of a model applies to every request to it, and to no other model or protocol', () => {
    const known = createKnownCures();
    expect(known.recall(FIRST)).toEqual([]);
    known.learn(FIRST, new Set(['adapt']));
    expect([FIRST, LATER, OTHER].map((asked) => known.recall(asked))).toEqual([['adapt'], ['adapt'], ['adapt']]);
    expect(known.recall({ ...FIRST, step: { provider: 'acme', upstreamModel: 'n' } })).toEqual([]);
    expect(known.recall({ ...FIRST, step: { provider: 'other', upstreamModel: 'm' } })).toEqual([]);
    expect(known.recall({ ...FIRST, client: 'anthropic-messages' })).toEqual([]);
  });

  test.each(['forget-thoughts', 'fit'] as const)('of a conversation (%s) applies only to its later turns', (cure) => {
    const known = createKnownCures();
    known.learn(LATER, new Set([cure]));
    expect([FIRST, LATER, OTHER].map((asked) => known.recall(asked))).toEqual([[cure], [cure], []]);
  });

  test('is forgotten if the corrected form is refused too', () => {
    const known = createKnownCures();
    known.learn(LATER, new Set(['adapt', 'fit']));
    expect(known.recall(LATER)).toEqual(['adapt', 'fit']);
    known.forget(LATER);
    expect(known.recall(LATER)).toEqual([]);
  });
});

describe('a conversation is identified by what precedes the model’s first output', () => {
  const openingIn = (body: object) => JSON.parse(openingOf(Buffer.from(JSON.stringify(body))) || 'null');

  test.each<[string, object, unknown]>([
    [
      'Chat',
      { messages: [{ role: 'system', content: 's' }, question('a'), { role: 'assistant' }, question('b')] },
      [{ role: 'system', content: 's' }, question('a')],
    ],
    ['Responses', { input: [question('a'), { type: 'function_call' }, question('b')] }, [question('a')]],
    ['Responses, a text', { input: 'a' }, 'a'],
    ['Gemini', { contents: [{ parts: [] }, { role: 'model', parts: [] }] }, [{ parts: [] }]],
    ['none', { model: 'm' }, null],
  ])('%s', (_name, body, opening) => {
    expect(openingIn(body)).toEqual(opening);
  });
});
