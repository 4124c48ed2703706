import { describe, expect, test } from 'vitest';
import { fixtures } from '#test/fixtures/protocols/openai-chat.ts';
import { chunk, DONE, decodeAll, delta, partsOf, usage, usageChunk } from './streams.ts';

const call = (...calls: object[]) => delta({ tool_calls: calls });
const first = (index: number, id: string, text = '') =>
  call({ index, id, type: 'function', function: { name: `f_${id}`, arguments: text } });
const more = (index: number, text: string) => call({ index, function: { arguments: text } });
const finishes = (text: string) => decodeAll(text).filter((event) => event.kind === 'finish');
const callPart = (id: string, text: string) => ({ kind: 'tool-call', id, name: `f_${id}`, text });

describe('a stream of any provider', () => {
  test('has a start, its parts and an end', () => {
    const events = decodeAll(
      delta({ role: 'assistant', content: '' }) + delta({ content: 'Hi' }, 'stop') + usageChunk + DONE,
    );
    expect(events).toEqual([
      { kind: 'answer-start', id: 'c', model: 'm', createdAt: 1 },
      { kind: 'part-start', choice: 0, part: 0, start: { kind: 'text' } },
      { kind: 'part-delta', choice: 0, part: 0, delta: 'Hi' },
      { kind: 'part-end', choice: 0, part: 0 },
      { kind: 'finish', choice: 0, reason: 'stop' },
      { kind: 'usage', usage: expect.objectContaining({ inputTokens: 8, outputTokens: 2, isEstimated: false }) },
      { kind: 'end' },
    ]);
  });

  test.each([
    ['reasoning_content', { reasoning_content: 'Hm' }],
    ['reasoning', { content: '', reasoning: 'Hm' }],
    ['reasoning beside its details', { reasoning: 'Hm', reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] }],
    ['reasoning_details alone', { reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] }],
    ['a thinking part', { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }] }],
    ['a thinking part that is a text', { content: [{ type: 'thinking', thinking: 'Hm' }] }],
  ])('thinks in %s', (_name, said) => {
    const parts = partsOf(decodeAll(delta(said) + delta({ content: 'Hi' }, 'stop') + DONE));
    expect(parts).toEqual([
      { kind: 'reasoning', text: 'Hm' },
      { kind: 'text', text: 'Hi' },
    ]);
  });

  test('may alternate thoughts and text, and have both in one delta', () => {
    const stream =
      delta({ reasoning_content: 'a', content: 'b' }) + delta({ reasoning_content: 'c' }) + delta({ content: 'd' });
    expect(partsOf(decodeAll(stream + delta({}, 'stop') + DONE)).map(({ kind, text }) => [kind, text])).toEqual([
      ['reasoning', 'a'],
      ['text', 'b'],
      ['reasoning', 'c'],
      ['text', 'd'],
    ]);
  });

  test('may have content in the chunk that finishes it', () => {
    expect(partsOf(decodeAll(delta({ content: '1' }) + delta({ content: '44' }, 'stop') + DONE))).toEqual([
      { kind: 'text', text: '144' },
    ]);
  });

  test('has a refusal in a separate part', () => {
    const events = decodeAll(delta({ refusal: 'No' }) + delta({ refusal: '.' }) + delta({}, 'stop') + DONE);
    expect(partsOf(events)).toEqual([{ kind: 'refusal', text: 'No.' }]);
  });

  test('has images and citations', () => {
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
    const cited = {
      type: 'url_citation',
      url_citation: { url: 'https://a.example', title: 'A', start_index: 0, end_index: 2 },
    };
    const events = decodeAll(
      delta({ content: 'Hi', annotations: [cited] }) + delta({ images: [image] }, 'stop') + DONE,
    );
    expect(events).toContainEqual({
      kind: 'part-citation',
      choice: 0,
      part: 0,
      citation: { url: 'https://a.example', title: 'A', startIndex: 0, endIndex: 2 },
    });
    expect(events).toContainEqual({
      kind: 'part-whole',
      choice: 0,
      part: 1,
      value: { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } },
    });
  });

  test('has log probabilities with their text', () => {
    const token = {
      token: 'Hi',
      logprob: -0.5,
      bytes: [72, 105],
      top_logprobs: [{ token: 'Yo', logprob: -1, bytes: null }],
    };
    const choice = {
      index: 0,
      delta: { content: 'Hi' },
      logprobs: { content: [token], refusal: null },
      finish_reason: 'stop',
    };
    expect(decodeAll(chunk({ choices: [choice] }) + DONE)).toContainEqual(
      expect.objectContaining({
        delta: 'Hi',
        logProbabilities: [
          {
            token: 'Hi',
            logProbability: -0.5,
            bytes: [72, 105],
            alternatives: [{ token: 'Yo', logProbability: -1, bytes: null }],
          },
        ],
      }),
    );
  });

  test('has several interleaved choices', () => {
    const stream =
      delta({ content: 'a' }, null, 0) + delta({ content: 'b' }, null, 1) + delta({ content: 'c' }, 'stop', 0);
    const events = decodeAll(stream + delta({}, 'length', 1) + DONE);
    expect([partsOf(events, 0), partsOf(events, 1)]).toEqual([
      [{ kind: 'text', text: 'ac' }],
      [{ kind: 'text', text: 'b' }],
    ]);
    expect(events.filter((event) => event.kind === 'finish').map(({ choice, reason }) => [choice, reason])).toEqual([
      [0, 'stop'],
      [1, 'length'],
    ]);
  });
});

describe('tool calls', () => {
  test.each([
    ['one after the other', first(0, 'a', '{"x":') + more(0, '1}') + first(1, 'b', '{}')],
    [
      'without an index',
      call(
        { id: 'a', function: { name: 'f_a', arguments: '{"x":1}' } },
        { id: 'b', function: { name: 'f_b', arguments: '{}' } },
      ),
    ],
    [
      'in one delta',
      call(
        { index: 0, id: 'a', function: { name: 'f_a', arguments: '{"x":1}' } },
        { index: 1, id: 'b', function: { name: 'f_b', arguments: {} } },
      ),
    ],
    ['all under index 0', first(0, 'a', '{"x":1}') + first(0, 'b', '{}')],
    [
      'with arguments as objects',
      call({ index: 0, id: 'a', function: { name: 'f_a', arguments: { x: 1 } } }) + first(1, 'b', '{}'),
    ],
    ['announced first, filled in later', first(0, 'a') + first(1, 'b') + more(1, '{}') + more(0, '{"x":1}')],
    ['by turns', first(0, 'a', '{"x"') + first(1, 'b', '{') + more(0, ':1}') + more(1, '}')],
    ['with the name repeated', first(0, 'a', '{"x"') + first(0, 'a', ':1}') + first(1, 'b', '{}')],
    [
      'with an empty name in later deltas (Z.ai)',
      first(0, 'a') +
        call({ index: 0, type: 'function', function: { name: '', arguments: '{"x":1}' } }) +
        first(1, 'b', '{}'),
    ],
    [
      'with the name after the id',
      call({ index: 0, id: 'a' }) +
        call({ index: 0, function: { name: 'f_a', arguments: '{"x":1}' } }) +
        first(1, 'b', '{}'),
    ],
  ])('%s are in order and whole', (_name, stream) => {
    const events = decodeAll(stream + delta({}, 'tool_calls') + DONE);
    expect(partsOf(events)).toEqual([callPart('a', '{"x":1}'), callPart('b', '{}')]);
  });

  test('are relayed while they arrive: the next one closes a complete one', () => {
    const stream = first(0, 'a', '{}') + first(1, 'b', '{"x"');
    const kinds = decodeAll(stream).map((event) => event.kind);
    expect(kinds.slice(1)).toEqual(['part-start', 'part-delta', 'part-end', 'part-start', 'part-delta', 'part-end']);
  });

  test('without ids get different ids', () => {
    const stream = call(
      { function: { name: 'f', arguments: '{}' } },
      { id: '', function: { name: 'g', arguments: '{}' } },
    );
    expect(partsOf(decodeAll(stream + delta({}, 'stop') + DONE)).map(({ id }) => id)).toEqual([
      'call_abc0',
      'call_abc1',
    ]);
  });

  test('come before text that follows them', () => {
    const stream = first(0, 'a') + delta({ content: 'Hi' }) + more(0, '{}');
    expect(partsOf(decodeAll(stream + delta({}, 'tool_calls') + DONE)).map(({ kind, text }) => [kind, text])).toEqual([
      ['tool-call', '{}'],
      ['text', 'Hi'],
    ]);
  });

  test('may be custom, or in the older format', () => {
    const custom = call({ index: 0, id: 'a', type: 'custom', custom: { name: 'f_a', input: 'ls' } });
    const rest = call({ index: 0, custom: { input: ' -l' } });
    expect(partsOf(decodeAll(custom + rest + DONE))).toEqual([{ ...callPart('a', 'ls -l'), isCustom: true }]);
    const older =
      delta({ function_call: { name: 'f', arguments: '{' } }) + delta({ function_call: { arguments: '}' } });
    expect(partsOf(decodeAll(older + delta({}, 'function_call') + DONE))).toEqual([
      { kind: 'tool-call', id: 'call_abc0', name: 'f', text: '{}' },
    ]);
  });

  test('keep the signature of Google’s endpoint', () => {
    const signed = {
      index: 0,
      id: 'a',
      function: { name: 'f', arguments: '{}' },
      extra_content: { google: { thought_signature: 'Cp' } },
    };
    expect(decodeAll(call(signed) + delta({}, 'tool_calls') + DONE)).toContainEqual({
      kind: 'part-end',
      choice: 0,
      part: 0,
      signature: { origin: 'gemini-generate-content', value: 'Cp' },
    });
  });
});

describe('an end', () => {
  test.each([
    ['stop', 'stop'],
    ['length', 'length'],
    // There are no calls to make.
    ['tool_calls', 'stop'],
    ['function_call', 'stop'],
    ['content_filter', 'content-filter'],
    ['model_length', 'length'],
    ['sensitive', 'content-filter'],
    ['insufficient_system_resource', 'error'],
    ['error', 'error'],
    ['something_new', 'error'],
    ['eos', 'stop'],
  ])('for %s means %s', (said, reason) => {
    expect(finishes(delta({ content: 'Hi' }, said) + DONE)).toEqual([{ kind: 'finish', choice: 0, reason }]);
  });

  test('for `stop` after tool calls means tool calls', () => {
    expect(finishes(first(0, 'a', '{}') + delta({}, 'stop') + DONE)).toEqual([
      { kind: 'finish', choice: 0, reason: 'tool-calls' },
    ]);
  });

  test('is emitted once even if the provider sends it twice', () => {
    expect(finishes(delta({ content: 'Hi' }, 'stop') + delta({ content: '' }, 'stop') + DONE)).toHaveLength(1);
  });

  test('is [DONE] if the provider sends no finish reason', () => {
    expect(finishes(delta({ content: 'Hi' }) + DONE)).toEqual([{ kind: 'finish', choice: 0, reason: 'stop' }]);
    expect(finishes(first(0, 'a', '{}') + DONE)).toEqual([{ kind: 'finish', choice: 0, reason: 'tool-calls' }]);
  });

  test('is missing if the stream broke off', () => {
    const events = decodeAll(delta({ content: 'Hi' }));
    expect(events.at(-1)).toEqual({ kind: 'part-end', choice: 0, part: 0 });
  });

  test('has the matched stop sequence (vLLM)', () => {
    const choice = { index: 0, delta: {}, finish_reason: 'stop', stop_reason: 'END' };
    expect(finishes(chunk({ choices: [choice] }) + DONE)).toEqual([
      { kind: 'finish', choice: 0, reason: 'stop', stopSequence: 'END' },
    ]);
  });
});

describe('usage', () => {
  const usages = (stream: string) => decodeAll(stream + DONE).filter((event) => event.kind === 'usage');

  test.each([
    ['in a chunk of its own', delta({}, 'stop') + usageChunk],
    ['in the finish chunk', chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage })],
    ['where Groq puts it', delta({}, 'stop') + chunk({ choices: [], x_groq: { usage } })],
  ])('is found %s', (_name, stream) => {
    expect(usages(stream)).toMatchObject([{ usage: { inputTokens: 8, outputTokens: 2 } }]);
  });

  test('includes the provider’s own price', () => {
    const priced = chunk({ choices: [], usage: { ...usage, cost: 0.000012 } });
    expect(usages(delta({}, 'stop') + priced)).toMatchObject([{ usage: { reportedCost: 12_000_000n } }]);
  });

  test('includes reasoning that only the total contains', () => {
    const hidden = { prompt_tokens: 35, completion_tokens: 12, total_tokens: 109 };
    expect(usages(delta({}, 'stop') + chunk({ choices: [], usage: hidden }))).toMatchObject([
      { usage: { inputTokens: 35, outputTokens: 74, reasoningTokens: 62 } },
    ]);
  });
});

describe('invalid answers', () => {
  const failures = (stream: string) =>
    decodeAll(stream).flatMap((event) => (event.kind === 'error' ? event.failure.code : []));

  test.each([
    ['an error', 'data: {"error":{"message":"Overloaded"}}\n\n', 'upstream_overloaded'],
    [
      'an error of one choice',
      chunk({ choices: [{ index: 0, error: { code: 429, message: 'slow' } }] }),
      'upstream_rate_limited',
    ],
    ['an event named error', 'event: error\ndata: {"message":"boom"}\n\n', 'upstream_server_error'],
    ['no JSON', 'data: {"choices":\n\n', 'upstream_malformed'],
    ['nothing but [DONE]', DONE, 'upstream_malformed'],
  ])('%s ends the stream', (_name, stream, code) => {
    expect(failures(stream + delta({ content: 'more' }))).toEqual([code]);
  });

  test('comments are keep-alives, Azure’s filter chunk starts nothing', () => {
    expect(decodeAll(': OPENROUTER PROCESSING\n\n').map(({ kind }) => kind)).toEqual(['ping']);
    expect(decodeAll('data: {"id":"","model":"","choices":[],"prompt_filter_results":[]}\n\n')).toEqual([]);
  });
});

describe('split at every byte', () => {
  test.each(Object.entries(fixtures.answers))('%s gives the same events', (_name, { stream }) => {
    const whole = decodeAll(stream);
    for (const size of [1, 2, 3, 5, 64, 1_000]) expect(decodeAll(stream, { size })).toEqual(whole);
  });
});

describe('no text is repeated', () => {
  const last = (message: object) => chunk({ choices: [{ index: 0, message, finish_reason: 'stop' }] });

  test.each<[string, string, object[]]>([
    [
      'the whole message behind its deltas',
      delta({ content: 'ab' }) + last({ content: 'ab' }),
      [{ kind: 'text', text: 'ab' }],
    ],
    [
      'thoughts under another name',
      delta({ reasoning_content: 't' }) + delta({ content: 'ab' }) + last({ content: 'ab', reasoning: 't' }),
      [
        { kind: 'reasoning', text: 't' },
        { kind: 'text', text: 'ab' },
      ],
    ],
    [
      'a message that was not streamed',
      delta({ role: 'assistant', content: '' }) + last({ content: 'ab' }),
      [{ kind: 'text', text: 'ab' }],
    ],
    [
      'thoughts in the list and beside it',
      delta({ reasoning_content: 't', content: [{ type: 'thinking', thinking: [{ type: 'text', text: 't' }] }] }) +
        delta({ content: 'ab' }, 'stop'),
      [
        { kind: 'reasoning', text: 't' },
        { kind: 'text', text: 'ab' },
      ],
    ],
  ])('%s', (_name, text, parts) => {
    expect(partsOf(decodeAll(text))).toMatchObject(parts);
    expect(partsOf(decodeAll(text))).toHaveLength(parts.length);
  });
});
