import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '#src/contracts/answer.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { decodeStream, event, textChunk, vendor } from './decoding.ts';

const decode = (body: unknown) => vendor.decodeAnswer(body, { requestId: 'req_abc' });
const candidate = (parts: JsonObject[], more: JsonObject = { finishReason: 'STOP' }) => ({
  candidates: [{ content: { parts, role: 'model' }, ...more }],
});
const kindsOf = (events: AnswerEvent[]) => events.map(({ kind }) => kind);
const textOf = (events: AnswerEvent[]) => events.map((item) => (item.kind === 'part-delta' ? item.delta : '')).join('');

describe('parts', () => {
  test.each<[string, JsonObject[], object[]]>([
    ['pieces of a text', [{ text: 'a' }, { text: 'b' }], [{ kind: 'text', text: 'ab' }]],
    [
      'a text with a signature',
      [{ text: 'a' }, { text: 'b', thoughtSignature: 's' }, { text: 'c' }],
      [
        { kind: 'text', text: 'ab', signature: { value: 's' } },
        { kind: 'text', text: 'c' },
      ],
    ],
    [
      'an empty text with the signature of what came before',
      [{ text: 'a' }, { text: '', thoughtSignature: 's' }],
      [{ kind: 'text', text: 'a', signature: { value: 's' } }],
    ],
    [
      'thoughts',
      [{ text: 't', thought: true }, { text: 'a' }],
      [
        { kind: 'reasoning', text: 't' },
        { kind: 'text', text: 'a' },
      ],
    ],
    [
      'calls without ids',
      [{ functionCall: { name: 'f', args: { a: null } } }, { functionCall: { name: 'g' } }],
      [
        { kind: 'tool-call', id: 'call_abc0', name: 'f', arguments: '{"a":null}' },
        { kind: 'tool-call', id: 'call_abc1', name: 'g', arguments: '{}' },
      ],
    ],
    [
      'a call with an id and a signature',
      [{ functionCall: { id: 'x', name: 'f' }, thoughtSignature: 's' }],
      [{ id: 'x', signature: { origin: 'gemini-generate-content', value: 's' } }],
    ],
    [
      'an image',
      [{ text: 'a' }, {}, { inlineData: { mimeType: 'image/png', data: 'AA==' } }],
      [{ kind: 'text' }, { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } }],
    ],
    [
      'sound',
      [{ inlineData: { mimeType: 'audio/L16;codec=pcm;rate=24000', data: 'AA==' } }],
      [{ kind: 'audio', format: 'pcm16', data: 'AA==' }],
    ],
    [
      'code that the provider ran',
      [{ text: 'a' }, { executableCode: { code: '1' } }, { codeExecutionResult: { output: '1' } }, { text: 'b' }],
      [
        { kind: 'text', text: 'a' },
        { kind: 'text', text: 'b' },
      ],
    ],
    [
      'pictures in thoughts',
      [{ thought: true, inlineData: { mimeType: 'image/png', data: 'AA==' } }, { text: 'a' }],
      [{ kind: 'text', text: 'a' }],
    ],
  ])('%s', (_name, parts, expected) => {
    const answer = decode(candidate(parts));
    expect(answer).toMatchObject({ choices: [{ parts: expected }] });
    expect('choices' in answer && answer.choices[0]!.parts).toHaveLength(expected.length);
  });
});

describe('why it ended', () => {
  const call = { functionCall: { name: 'f' } };

  test.each([
    ['STOP', 'stop', 'tool-calls'],
    ['MAX_TOKENS', 'length', 'length'],
    ['CONTINUATION', 'length', 'length'],
    ...['SAFETY', 'RECITATION', 'LANGUAGE', 'BLOCKLIST', 'PROHIBITED_CONTENT', 'SPII', 'IMAGE_SAFETY'].map((reason) => [
      reason,
      'content-filter',
      'content-filter',
    ]),
    ...['IMAGE_PROHIBITED_CONTENT', 'IMAGE_RECITATION'].map((reason) => [reason, 'content-filter', 'content-filter']),
    ...['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS', 'MALFORMED_RESPONSE'].map(
      (reason) => [reason, 'error', 'tool-calls'],
    ),
    ...['NO_IMAGE', 'IMAGE_OTHER', 'OTHER', 'FINISH_REASON_UNSPECIFIED'].map((reason) => [
      reason,
      'error',
      'tool-calls',
    ]),
    ['A_REASON_OF_TOMORROW', 'error', 'tool-calls'],
    ['MODEL_ARMOR', 'content-filter', 'content-filter'],
    ['IMAGE_POLICY_OF_TOMORROW', 'content-filter', 'content-filter'],
  ])('%s with a text is %s, with a call %s', (finishReason, withText, withCall) => {
    expect(decode(candidate([{ text: 'a' }], { finishReason }))).toMatchObject({
      choices: [{ finishReason: withText }],
    });
    expect(decode(candidate([call], { finishReason }))).toMatchObject({ choices: [{ finishReason: withCall }] });
  });

  test.each(['MALFORMED_FUNCTION_CALL', 'OTHER', 'NO_IMAGE', 'A_REASON_OF_TOMORROW'])(
    '%s without content is retried',
    (finishReason) => {
      const body = { candidates: [{ finishReason, finishMessage: 'Broke off.' }] };
      const failure = { code: 'upstream_malformed', message: `Broke off. (${finishReason})` };
      expect(decode(body)).toMatchObject(failure);
      expect(decodeStream(event(body)).at(-1)).toMatchObject({ kind: 'error', failure });
    },
  );

  test('thoughts alone are no content', () => {
    expect(decode(candidate([{ text: 't', thought: true }], { finishReason: 'OTHER' }))).toMatchObject({
      code: 'upstream_malformed',
    });
  });

  test.each([
    ['withheld', { candidates: [{ finishReason: 'SAFETY' }] }, 'The provider withheld the answer (SAFETY).'],
    ['blocked', { promptFeedback: { blockReason: 'OTHER' } }, 'The provider blocked the prompt (OTHER).'],
    ['blocked with a reason', { promptFeedback: { blockReason: 'JAILBREAK', blockReasonMessage: 'Why.' } }, 'Why.'],
  ])('%s content is a refusal', (_name, body, text) => {
    const parts = [{ kind: 'refusal', text }];
    expect(decode(body)).toMatchObject({ choices: [{ index: 0, parts, finishReason: 'content-filter' }] });
  });

  test('a blocked prompt ends the stream, however many answers were asked for', () => {
    const events = decodeStream(event({ promptFeedback: { blockReason: 'SAFETY' } }));
    expect(kindsOf(events)).toEqual(['answer-start', 'part-start', 'part-delta', 'part-end', 'finish', 'end']);
  });

  test('a text that was cut off by a filter is kept', () => {
    const answer = decode(candidate([{ text: 'a' }], { finishReason: 'RECITATION' }));
    expect(answer).toMatchObject({ choices: [{ parts: [{ kind: 'text', text: 'a' }] }] });
  });

  test('missing content is an empty answer', () => {
    expect(decode({ candidates: [{ content: { role: 'model' }, finishReason: 'MAX_TOKENS' }] })).toMatchObject({
      choices: [{ parts: [], finishReason: 'length' }],
    });
  });
});

describe('invalid answers', () => {
  test.each<[string, unknown, string]>([
    ['null', null, 'upstream_malformed'],
    ['a list of nothing', [], 'upstream_malformed'],
    ['usage alone', { usageMetadata: { promptTokenCount: 1 } }, 'upstream_malformed'],
    ['no candidates and no reason', { candidates: [], promptFeedback: { safetyRatings: [] } }, 'upstream_malformed'],
    ['an error', { error: { code: 503, message: 'm', status: 'UNAVAILABLE' } }, 'upstream_overloaded'],
    ['an error in a list', [{ error: { code: 429, message: 'm' } }], 'upstream_rate_limited'],
  ])('%s', (_name, body, code) => {
    expect(decode(body)).toMatchObject({ code });
  });
});

describe('usage', () => {
  const usageOf = (usageMetadata: unknown) => {
    const answer = decode({ ...candidate([{ text: 'a' }]), usageMetadata });
    return 'usage' in answer ? answer.usage : undefined;
  };

  test('thoughts are output, tool results are input, cached tokens are part of the input', () => {
    const counts = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 5,
      cachedContentTokenCount: 4,
      candidatesTokenCount: 7,
      thoughtsTokenCount: 3,
    };
    expect(usageOf(counts)).toEqual({
      inputTokens: 15,
      cachedInputTokens: 4,
      cacheWriteTokens: 0,
      outputTokens: 10,
      reasoningTokens: 3,
      isEstimated: false,
    });
  });

  test('absent counts are zero, without any counts there is no usage', () => {
    expect(usageOf({ promptTokenCount: 9 })).toMatchObject({ inputTokens: 9, outputTokens: 0 });
    expect(usageOf({ trafficType: 'ON_DEMAND' })).toBeNull();
    expect(usageOf(undefined)).toBeNull();
  });

  test('the last usage of a stream counts, unless it counts only the prompt', () => {
    const usage = (candidatesTokenCount?: number) => ({ usageMetadata: { promptTokenCount: 5, candidatesTokenCount } });
    const events = decodeStream(
      event({ ...textChunk('a'), ...usage() }) +
        event({ ...textChunk('b'), ...usage(1) }) +
        event({ ...textChunk('c', { finishReason: 'STOP' }), ...usage(2) }),
    );
    expect(events.flatMap((item) => (item.kind === 'usage' ? [item.usage.outputTokens] : []))).toEqual([1, 2]);
  });

  test('the service tier', () => {
    const usageMetadata = { promptTokenCount: 1, serviceTier: 'standard' };
    expect(decode({ ...candidate([{ text: 'a' }]), usageMetadata })).toMatchObject({ serviceTier: 'default' });
  });
});

describe('streams', () => {
  test('an answer with everything, split at every byte, gives the same events', () => {
    const stream =
      event({
        ...candidate([{ text: 'Ich dächte…', thought: true }], {}),
        responseId: 'r',
        modelVersion: 'm',
        createTime: '2026-11-20T00:00:00Z',
      }) +
      ': comment\n\n' +
      event(candidate([{ text: '秋风' }], {})).replaceAll('\r\n', '\n') +
      event(candidate([{ text: '瑟瑟' }, { functionCall: { name: 'f', args: {} }, thoughtSignature: 's' }], {})) +
      event({ ...candidate([{ text: '' }]), usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2 } });
    const events = decodeStream(stream);
    expect(kindsOf(events)).toEqual([
      'answer-start',
      ...['part-start', 'part-delta', 'ping', 'part-end'],
      ...['part-start', 'part-delta', 'part-delta', 'part-end'],
      ...['part-start', 'part-delta', 'part-end', 'usage', 'finish'],
    ]);
    expect(events[0]).toEqual({ kind: 'answer-start', id: 'r', model: 'm', createdAt: 1_795_132_800 });
    expect(events.at(-1)).toEqual({ kind: 'finish', choice: 0, reason: 'tool-calls' });
    for (let size = 1; size < 200; size++) expect(decodeStream(stream, size)).toEqual(events);
  });

  test('a finish reason in every chunk counts only at the end', () => {
    const stop = { finishReason: 'STOP' };
    const events = decodeStream(event(textChunk('a', stop)) + event(textChunk('b', stop)));
    expect(kindsOf(events)).toEqual(['answer-start', 'part-start', 'part-delta', 'part-delta', 'part-end', 'finish']);
    expect(textOf(events)).toBe('ab');
  });

  test('candidates are separate', () => {
    const two = {
      candidates: [
        { content: { parts: [{ text: 'a' }] }, finishReason: 'STOP' },
        { index: 1, content: { parts: [{ text: 'b' }] }, finishReason: 'STOP' },
      ],
    };
    const finishes = decodeStream(event(two)).filter(({ kind }) => kind === 'finish');
    expect(finishes).toMatchObject([{ choice: 0 }, { choice: 1 }]);
  });

  test('without a finish reason the stream is not finished', () => {
    expect(kindsOf(decodeStream(event(textChunk('a'))))).toEqual(['answer-start', 'part-start', 'part-delta']);
  });

  const error = { error: { code: 503, message: 'Overloaded.', status: 'UNAVAILABLE' } };
  test.each<[string, string, string]>([
    ['an error', event(error), 'upstream_overloaded'],
    ['an error in a list', event([error]), 'upstream_overloaded'],
    ['an error without data:', `${JSON.stringify(error, null, 2)}\n\n`, 'upstream_overloaded'],
    ['no JSON', 'data: {"candid\n\n', 'upstream_malformed'],
    ['no object', 'data: 1\n\n', 'upstream_malformed'],
  ])('%s in the stream ends it', (_name, bad, code) => {
    const events = decodeStream(event(textChunk('a', { finishReason: 'STOP' })) + bad);
    expect(events.slice(-2)).toMatchObject([{ kind: 'error', failure: { code } }, { kind: 'error' }]);
    expect(kindsOf(events)).not.toContain('finish');
  });

  test('a list of chunks in one event is read like separate chunks', () => {
    expect(textOf(decodeStream(event([textChunk('a'), textChunk('b', { finishReason: 'STOP' })])))).toBe('ab');
  });
});

describe('additional data of a text', () => {
  test('log probabilities', () => {
    const logprobsResult = {
      chosenCandidates: [{ token: 'a', logProbability: -0.1 }, { token: 'b' }],
      topCandidates: [
        {
          candidates: [
            { token: 'a', logProbability: -0.1 },
            { token: 'x', logProbability: -2 },
          ],
        },
      ],
    };
    expect(decode(candidate([{ text: 'ab' }], { finishReason: 'STOP', logprobsResult }))).toMatchObject({
      choices: [
        {
          logProbabilities: [
            { token: 'a', logProbability: -0.1, alternatives: [{ token: 'a' }, { token: 'x', logProbability: -2 }] },
            { token: 'b', logProbability: 0, alternatives: [] },
          ],
        },
      ],
    });
  });

  const citationsOf = (metadata: JsonObject, text = 'Grüße aus Paris.') => {
    const answer = decode(candidate([{ text }], { finishReason: 'STOP', ...metadata }));
    const [part] = 'choices' in answer ? answer.choices[0]!.parts : [];
    return part?.kind === 'text' ? part.citations : undefined;
  };
  const groundingChunks = [{ web: { uri: 'https://a.org', title: 'A' } }, { web: { uri: 'https://b.org' } }];
  const a = { url: 'https://a.org', title: 'A' };

  test('sources of a search, whose offsets are bytes', () => {
    const segment = { startIndex: 8, endIndex: 17, text: 'aus Paris' };
    const groundingSupports = [{ segment, groundingChunkIndices: [0, 1] }];
    const place = { startIndex: 6, endIndex: 15, citedText: 'aus Paris' };
    expect(citationsOf({ groundingMetadata: { groundingChunks, groundingSupports } })).toEqual([
      { ...a, ...place },
      { url: 'https://b.org', ...place },
    ]);
  });

  test('offsets that do not fit are left out', () => {
    const groundingSupports = [{ segment: { startIndex: 0, endIndex: 4, text: 'else' }, groundingChunkIndices: [0] }];
    expect(citationsOf({ groundingMetadata: { groundingChunks, groundingSupports } })).toEqual([
      { ...a, citedText: 'else' },
    ]);
  });

  test('sources without places', () => {
    expect(citationsOf({ groundingMetadata: { groundingChunks } })).toEqual([a, { url: 'https://b.org' }]);
  });

  test('recitations', () => {
    const citationSources = [
      { startIndex: 0, endIndex: 7, uri: 'https://a.org' },
      { startIndex: 700, endIndex: 900, uri: 'https://b.org' },
    ];
    expect(citationsOf({ citationMetadata: { citationSources } })).toEqual([
      { url: 'https://a.org', startIndex: 0, endIndex: 5 },
      { url: 'https://b.org' },
    ]);
  });
});
