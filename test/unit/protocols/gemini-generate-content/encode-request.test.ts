import { describe, expect, test } from 'vitest';
import type { InferenceRequest, Part, ToolDefinition, Turn } from '#src/contracts/inference-request.ts';
import { FREE_TEXT } from '#src/protocols/translate/fit-request.ts';
import { config, encode, encodedBody } from './decoding.ts';

const OLD = 'gemini-2.0-flash';
const GEMINI_2_5 = 'gemini-2.5-flash';
const GEMINI_3 = 'gemini-3-flash-preview';

const text = (words: string): Part => ({ kind: 'text', text: words });
const user = (...parts: Part[]): Turn => ({ role: 'user', parts });
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts });
const call = (id: string, more: object = {}): Part => ({
  kind: 'tool-call',
  id,
  name: `tool_${id}`,
  arguments: '{"a":1}',
  ...more,
});
const result = (callId: string, ...parts: Part[]): Part => ({
  kind: 'tool-result',
  callId,
  parts: (parts.length === 0 ? [text(`result of ${callId}`)] : parts) as [],
});
const tool: ToolDefinition = { kind: 'function', name: 'f' };

interface Content {
  role: string;
  parts: Record<string, unknown>[];
}
const contents = (turns: Turn[], model = GEMINI_3) => encodedBody({ turns }, model).contents as Content[];
const partOf = (part: Part, model = GEMINI_3) => contents([user(part)], model)[0]!.parts[0];

describe('turns', () => {
  test('roles are merged and alternate, starting with the user', () => {
    const turns = [assistant(text('a')), assistant(text('b')), user(text('c')), user(text(''), text('d'))];
    expect(contents(turns)).toEqual([
      { role: 'user', parts: [{ text: ' ' }] },
      { role: 'model', parts: [{ text: 'a' }, { text: 'b' }] },
      { role: 'user', parts: [{ text: 'c' }, { text: 'd' }] },
    ]);
  });

  test('system and developer turns become instructions, wherever they are', () => {
    const turns: Turn[] = [
      { role: 'system', parts: [text('s')] },
      user(text('u')),
      { role: 'developer', parts: [text('d')] },
    ];
    expect(encodedBody({ turns })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'u' }] }],
      systemInstruction: { parts: [{ text: 's' }, { text: 'd' }] },
    });
    expect(encodedBody({ turns }, 'gemma-3-27b-it')).toEqual({
      contents: [{ role: 'user', parts: [{ text: 's' }, { text: 'd' }, { text: 'u' }] }],
    });
  });

  test('instructions alone become the contents', () => {
    expect(encodedBody({ turns: [{ role: 'system', parts: [text('s')] }] })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 's' }] }],
    });
  });
});

describe('function calls and their results', () => {
  test('results follow their calls, in their order, before what the user says', () => {
    const turns = [user(text('u')), assistant(call('1'), call('2')), user(result('2')), user(text('and'), result('1'))];
    const encoded = contents(turns, GEMINI_2_5);
    expect(encoded[2]!.parts).toEqual([
      { functionResponse: { id: '1', name: 'tool_1', response: { output: 'result of 1' } } },
      { functionResponse: { id: '2', name: 'tool_2', response: { output: 'result of 2' } } },
      { text: 'and' },
    ]);
    expect(encoded[1]!.parts[0]).toEqual({ functionCall: { id: '1', name: 'tool_1', args: { a: 1 } } });
  });

  test('a repeated id is answered in order', () => {
    const round = [assistant(call('1')), user(result('1'))];
    expect(contents([user(text('u')), ...round, ...round])).toHaveLength(5);
  });

  test.each([
    ['a result without its call', [user(text('u')), user(result('9'))]],
    ['a call without its result', [user(text('u')), assistant(call('1')), user(text('never mind'))]],
  ])('%s is refused', (_name, turns) => {
    expect(encode({ turns })).toMatchObject({ kind: 'refusal', field: 'messages' });
  });

  test('calls at the very end wait for their results', () => {
    expect(contents([user(text('u')), assistant(call('1'))])).toHaveLength(2);
  });

  test.each([
    ['text', { parts: [text('21')] }, { output: '21' }],
    ['an object', { parts: [text('{"degrees":21}')] }, { degrees: 21 }],
    ['an object that would be read otherwise', { parts: [text('{"error":null}')] }, { output: '{"error":null}' }],
    ['an object with references', { parts: [text('{"a":{"$ref":"b"}}')] }, { output: '{"a":{"$ref":"b"}}' }],
    ['a list', { parts: [text('[1]')] }, { output: '[1]' }],
    ['an error', { parts: [text('no')], isError: true }, { error: 'no' }],
    ['nothing', { parts: [] }, { output: '' }],
  ])('a response contains %s', (_name, members, response) => {
    const part = { kind: 'tool-result', callId: '1', ...members } as Part;
    const encoded = contents([user(text('u')), assistant(call('1')), user(part)]);
    expect(encoded[2]!.parts[0]!.functionResponse).toMatchObject({ response });
  });

  test('media in a result are part of the response, or follow it for older models', () => {
    const image: Part = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } };
    const turns = [user(text('u')), assistant(call('1')), user(result('1', text('t'), image))];
    const inlineData = { mimeType: 'image/png', data: 'AA==' };
    const response = { id: '1', name: 'tool_1', response: { output: 't' } };
    expect(contents(turns)[2]!.parts).toEqual([{ functionResponse: { ...response, parts: [{ inlineData }] } }]);
    expect(contents(turns, GEMINI_2_5)[2]!.parts).toEqual([{ functionResponse: response }, { inlineData }]);
  });

  test.each([
    ['no arguments', { arguments: '' }, {}],
    ['broken arguments', { arguments: '{"a":' }, { input: '{"a":' }],
    ['a custom tool', { arguments: 'select 1', isCustom: true }, { input: 'select 1' }],
  ])('a call with %s', (_name, members, args) => {
    const encoded = contents([user(text('u')), assistant(call('1', members))]);
    expect(encoded[1]!.parts[0]!.functionCall).toMatchObject({ args });
  });
});

describe('signatures', () => {
  const own = { signature: { origin: 'gemini-generate-content', value: 'c2ln' } } as const;
  const foreign = { signature: { origin: 'anthropic-messages', value: 'x' } } as const;
  const modelParts = (model: string, ...parts: Part[]) =>
    contents([user(text('u')), assistant(...parts)], model)[1]!.parts;

  test('are on exactly the part that they came with', () => {
    const parts = modelParts(GEMINI_3, { kind: 'text', text: 'a', ...own }, text('b'), call('1', own), call('2'));
    expect(parts.map((part) => part.thoughtSignature)).toEqual(['c2ln', undefined, 'c2ln', undefined]);
  });

  test('of another provider’s calls are replaced if one is required', () => {
    const sentinel = 'skip_thought_signature_validator';
    const signatures = (model: string) =>
      modelParts(model, call('1', foreign), call('2')).map((part) => part.thoughtSignature);
    expect(signatures(GEMINI_3)).toEqual([sentinel, undefined]);
    expect(signatures(GEMINI_2_5)).toEqual([undefined, undefined]);
  });

  test('thoughts are returned only to their own provider', () => {
    const thought = { kind: 'reasoning', text: 't' } as const;
    expect(modelParts(GEMINI_3, { ...thought, ...own }, { ...thought, ...foreign }, thought, text('a'))).toEqual([
      { text: 't', thought: true, thoughtSignature: 'c2ln' },
      { text: 'a' },
    ]);
  });
});

describe('media', () => {
  const image = (source: object, detail?: string) =>
    ({ kind: 'image', source, ...(detail === undefined ? {} : { detail }) }) as Part;
  const link = (url: string, mediaType?: string) => ({
    kind: 'url',
    url,
    ...(mediaType === undefined ? {} : { mediaType }),
  });

  test.each<[string, Part, object]>([
    [
      'an inline image',
      image({ kind: 'base64', mediaType: 'image/png', data: 'AA==' }),
      { inlineData: { mimeType: 'image/png', data: 'AA==' } },
    ],
    ['detail', image(link('https://x.org/a.webp'), 'high'), { mediaResolution: { level: 'MEDIA_RESOLUTION_HIGH' } }],
    [
      'a link with an extension',
      image(link('https://x.org/a.GIF?b=c.png')),
      { fileData: { mimeType: 'image/gif', fileUri: 'https://x.org/a.GIF?b=c.png' } },
    ],
    ['a link that says nothing', image(link('https://x.org/image?id=1')), { fileData: { mimeType: 'image/jpeg' } }],
    ['a link with a type', image(link('https://x.org/image', 'image/heic')), { fileData: { mimeType: 'image/heic' } }],
    [
      'a file of Google’s',
      image({ kind: 'file-id', id: 'files/abc', mediaType: 'image/png' }),
      { fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc' } },
    ],
    [
      'a PDF',
      { kind: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AA==' } },
      { inlineData: { mimeType: 'application/pdf' } },
    ],
    [
      'a linked PDF',
      { kind: 'document', source: { kind: 'url', url: 'https://x.org/d' }, filename: 'd.pdf' },
      { fileData: { mimeType: 'application/pdf' } },
    ],
    ['a text', { kind: 'document', source: { kind: 'text', text: 'words' } }, { text: 'words' }],
    ['sound', { kind: 'audio', format: 'mp3', data: 'AA==' }, { inlineData: { mimeType: 'audio/mp3', data: 'AA==' } }],
    ['a refusal', { kind: 'refusal', text: 'no' }, { text: 'no' }],
  ])('%s', (_name, part, expected) => {
    expect(partOf(part)).toMatchObject(expected);
  });

  test.each<[string, Part, string]>([
    ['a linked image for a model that does not follow links', image(link('https://x.org/a.png')), OLD],
    [
      'a linked document that says nothing',
      { kind: 'document', source: { kind: 'url', url: 'https://x.org/d' } },
      GEMINI_3,
    ],
    ['a file of another provider', image({ kind: 'file-id', id: 'file-abc' }), GEMINI_3],
  ])('%s is refused', (_name, part, model) => {
    expect(encode({ turns: [user(part)] }, model)).toMatchObject({ kind: 'refusal', field: 'messages' });
  });

  test('Google’s own store can be used by all models', () => {
    expect(partOf(image(link('gs://bucket/a.png')), OLD)).toMatchObject({ fileData: { fileUri: 'gs://bucket/a.png' } });
  });
});

describe('tools', () => {
  const toolsOf = (members: Partial<InferenceRequest>, model?: string) => {
    const { tools, toolConfig } = encodedBody(members, model);
    return { tools, toolConfig };
  };

  test('declarations have no parameters if there are none, custom tools have one string', () => {
    const { tools } = toolsOf({
      tools: [
        tool,
        { kind: 'function', name: 'g', description: 'd', parameters: { type: 'object', properties: {} } },
        { kind: 'custom', name: 'sql' },
      ],
    });
    expect(tools).toEqual([
      {
        functionDeclarations: [
          { name: 'f', description: '' },
          { name: 'g', description: 'd' },
          {
            name: 'sql',
            description: '',
            parametersJsonSchema: FREE_TEXT,
          },
        ],
      },
    ]);
  });

  test.each<[string, InferenceRequest['toolChoice'], object | undefined]>([
    ['nothing', undefined, undefined],
    ['auto', { kind: 'auto' }, { mode: 'AUTO' }],
    ['none', { kind: 'none' }, { mode: 'NONE' }],
    ['required', { kind: 'required' }, { mode: 'ANY' }],
    ['one', { kind: 'tool', name: 'f' }, { mode: 'ANY', allowedFunctionNames: ['f'] }],
    [
      'some, required',
      { kind: 'allowed', tools: [{ name: 'f' }, { name: 'g' }], isRequired: true },
      { mode: 'ANY', allowedFunctionNames: ['f', 'g'] },
    ],
    [
      'some',
      { kind: 'allowed', tools: [{ name: 'f' }, { name: 'g' }], isRequired: false },
      { mode: 'VALIDATED', allowedFunctionNames: ['f', 'g'] },
    ],
  ])('the choice of %s', (_name, toolChoice, functionCallingConfig) => {
    const { toolConfig } = toolsOf({ tools: [tool], ...(toolChoice === undefined ? {} : { toolChoice }) });
    expect(toolConfig).toEqual(functionCallingConfig === undefined ? undefined : { functionCallingConfig });
  });

  test('strict functions are validated', () => {
    const strict: ToolDefinition = { kind: 'function', name: 'f', isStrict: true };
    expect(toolsOf({ tools: [strict], toolChoice: { kind: 'auto' } }).toolConfig).toEqual({
      functionCallingConfig: { mode: 'VALIDATED' },
    });
  });

  test('a search, alone and with functions', () => {
    expect(toolsOf({ webSearch: {} }, GEMINI_2_5)).toEqual({ tools: [{ googleSearch: {} }], toolConfig: undefined });
    expect(toolsOf({ webSearch: {}, tools: [tool] })).toMatchObject({
      tools: [{ googleSearch: {} }, { functionDeclarations: [{ name: 'f' }] }],
      toolConfig: { includeServerSideToolInvocations: true },
    });
    expect(encode({ webSearch: {}, tools: [tool] }, GEMINI_2_5)).toMatchObject({ kind: 'refusal', field: 'webSearch' });
  });
});

describe('settings', () => {
  test.each<[string, Partial<InferenceRequest>, object | undefined]>([
    [
      'limits',
      { maxOutputTokens: 9, choices: 2, stop: ['a'] },
      { maxOutputTokens: 9, candidateCount: 2, stopSequences: ['a'] },
    ],
    ['what is the default', { choices: 1, stop: [], output: { kind: 'text' }, modalities: ['text'] }, undefined],
    ['log probabilities', { logProbabilities: 3 }, { responseLogprobs: true, logprobs: 3 }],
    ['those of the chosen token alone', { logProbabilities: 0 }, { responseLogprobs: true }],
    ['a seed beyond 32 bits', { sampling: { seed: 2 ** 32 + 7 } }, { seed: 7 }],
    ['JSON', { output: { kind: 'json' } }, { responseMimeType: 'application/json' }],
    [
      'a schema',
      { output: { kind: 'json-schema', name: 'n', schema: { const: 'x' } } },
      { responseMimeType: 'application/json', responseJsonSchema: { type: 'string', enum: ['x'] } },
    ],
    [
      'speech',
      { modalities: ['text', 'audio'], speech: { voice: 'Kore' } },
      { responseModalities: ['AUDIO'], speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } } },
    ],
    [
      'a picture',
      { image: { aspectRatio: '16:9', size: '2k' } },
      { responseModalities: ['TEXT', 'IMAGE'], imageConfig: { aspectRatio: '16:9', imageSize: '2K' } },
    ],
  ])('%s', (_name, members, expected) => {
    expect(config(members)).toEqual(expected);
  });

  test.each([
    ['default', 'standard'],
    ['flex', 'flex'],
    ['priority', 'priority'],
    ['auto', undefined],
  ])('service tier %s', (serviceTier, expected) => {
    expect(encodedBody({ serviceTier }).serviceTier).toBe(expected);
  });

  test.each<[string, Partial<InferenceRequest>, string[], string?]>([
    [
      'what Gemini has nothing for',
      { endUser: 'u', metadata: {}, verbosity: 'low', logitBias: {}, allowsParallelToolCalls: false, tools: [tool] },
      ['endUser', 'metadata', 'verbosity', 'logitBias', 'parallelToolCalls'],
    ],
    ['a service tier of others', { serviceTier: 'scale' }, ['serviceTier']],
    ['an audio format', { modalities: ['audio'], speech: { format: 'mp3' } }, ['speech']],
    ['a size in pixels', { image: { size: '1024x1024' } }, ['image']],
    [
      'penalties on 2.5',
      { sampling: { presencePenalty: 1, frequencyPenalty: 1 } },
      ['presencePenalty', 'frequencyPenalty'],
      GEMINI_2_5,
    ],
    ['reasoning of a model that has none', { reasoning: { effort: 'high' } }, ['reasoning'], OLD],
    ['an unknown effort', { reasoning: { effort: 'ultra' } }, ['reasoning']],
  ])('%s is dropped and named', (_name, members, dropped, model) => {
    expect(encode(members, model)).toMatchObject({ kind: 'request', dropped });
  });

  test.each<[string, Partial<InferenceRequest>, string]>([
    ['more than five stop sequences', { stop: ['1', '2', '3', '4', '5', '6'] }, 'stop'],
    ['JSON beside a web search before Gemini 3', { output: { kind: 'json' }, webSearch: {} }, 'output'],
  ])('%s is refused', (_name, members, field) => {
    expect(encode(members, GEMINI_2_5)).toMatchObject({ kind: 'refusal', field });
  });

  test('JSON with functions from Gemini 3 on', () => {
    expect(config({ output: { kind: 'json' }, tools: [tool] })).toEqual({ responseMimeType: 'application/json' });
  });
});
