import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#src/protocols/codec.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';
import { client, decoded } from './decoding.ts';

const contents = (...turns: [role: string, ...parts: JsonObject[]][]) => ({
  contents: turns.map(([role, ...parts]) => ({ role, parts })),
});
const partsOf = (...parts: JsonObject[]) => decoded(contents(['user', ...parts])).turns[0]!.parts;

describe('contents', () => {
  test('every role except the model’s is the user’s', () => {
    const { turns } = decoded({ contents: [{ parts: [{ text: 'a' }] }, { role: 'model', parts: [{ text: 'b' }] }] });
    expect(turns.map(({ role }) => role)).toEqual(['user', 'assistant']);
  });

  test.each([
    ['a content', { parts: [{ text: 's' }] }],
    ['a text', 's'],
  ])('instructions as %s', (_name, system_instruction) => {
    expect(decoded({ system_instruction }).turns[0]).toEqual({ role: 'system', parts: [{ kind: 'text', text: 's' }] });
  });

  test.each<[string, JsonObject, object]>([
    [
      'an image',
      { inlineData: { mimeType: 'image/png', data: 'AA==' } },
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } },
    ],
    ['an image in snake_case', { inline_data: { mime_type: 'image/png', data: 'AA==' } }, { kind: 'image' }],
    ['sound', { inlineData: { mimeType: 'audio/mpeg', data: 'AA==' } }, { kind: 'audio', format: 'mp3', data: 'AA==' }],
    [
      'a PDF',
      { inlineData: { mimeType: 'application/pdf', data: 'AA==' } },
      { kind: 'document', source: { kind: 'base64', mediaType: 'application/pdf' } },
    ],
    [
      'a text file',
      { inlineData: { mimeType: 'text/plain', data: 'aGk=' } },
      { kind: 'document', source: { kind: 'text', text: 'hi' } },
    ],
    [
      'a link',
      { fileData: { mimeType: 'image/png', fileUri: 'https://x.org/a' } },
      { kind: 'image', source: { kind: 'url', url: 'https://x.org/a', mediaType: 'image/png' } },
    ],
    [
      'a link without a type',
      { fileData: { fileUri: 'https://x.org/a.pdf' } },
      { kind: 'document', source: { kind: 'url', mediaType: 'application/pdf' } },
    ],
    [
      'a file of Google’s',
      {
        fileData: {
          mimeType: 'application/pdf',
          fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/a-b',
        },
      },
      { kind: 'document', source: { kind: 'file-id', id: 'files/a-b' } },
    ],
    [
      'code that was run',
      { executableCode: { language: 'PYTHON', code: 'print(1)' } },
      { kind: 'text', text: '```\nprint(1)\n```' },
    ],
  ])('%s', (_name, part, expected) => {
    expect(partsOf(part)).toMatchObject([expected]);
  });

  test.each<[string, JsonObject, string]>([
    [
      'video',
      contents(['user', { inlineData: { mimeType: 'video/mp4', data: 'AA==' } }]),
      'contents[0].parts[0].inlineData',
    ],
    [
      'a linked video',
      contents(['user', { text: 'a' }, { fileData: { fileUri: 'https://youtu.be/x' } }]),
      'contents[0].parts[1].fileData',
    ],
    ['a cached prompt', { cachedContent: 'cachedContents/1' }, 'cachedContent'],
    [
      'a bare enum value',
      { generationConfig: { responseMimeType: 'text/x.enum' } },
      'generationConfig.responseMimeType',
    ],
  ])('%s can only be sent to Google', (_name, body, param) => {
    expect(client.decodeRequest(body)).toMatchObject({ code: 'parameter_unsupported', param });
  });
});

describe('calls and responses', () => {
  const call = (name: string, id?: string) => ({
    functionCall: { name, args: { a: 1 }, ...(id === undefined ? {} : { id }) },
  });
  const response = (name: string, id?: string, more: JsonObject = { response: { output: name } }) => ({
    functionResponse: { name, ...(id === undefined ? {} : { id }), ...more },
  });
  const idsOf = (body: JsonObject) =>
    decoded(body).turns.map(({ parts }) =>
      parts.map((part) => ('callId' in part ? part.callId : 'id' in part ? part.id : null)),
    );

  test('are matched by their ids', () => {
    const body = contents(['model', call('f', 'x'), call('f', 'y')], ['user', response('f', 'y'), response('f', 'x')]);
    expect(idsOf(body)).toEqual([
      ['x', 'y'],
      ['y', 'x'],
    ]);
  });

  test('are matched by name and order, with stable ids', () => {
    const body = contents(
      ['model', call('f'), call('g'), call('f')],
      ['user', response('g'), response('f'), response('f')],
      ['model', call('f')],
      ['function', response('other')],
    );
    expect(idsOf(body)).toEqual([
      ['call_1', 'call_2', 'call_3'],
      ['call_2', 'call_1', 'call_3'],
      ['call_4'],
      ['call_4'],
    ]);
  });

  test('a generated id never equals a given one', () => {
    expect(idsOf(contents(['model', call('f', 'call_2'), call('g')]))).toEqual([['call_2', 'call_3']]);
  });

  test.each<[string, JsonObject, object]>([
    ['output', { response: { output: 'o' } }, { parts: [{ kind: 'text', text: 'o' }] }],
    ['structured output', { response: { output: { a: 1 } } }, { parts: [{ kind: 'text', text: '{"a":1}' }] }],
    ['an error', { response: { error: 'e' } }, { parts: [{ kind: 'text', text: 'e' }], isError: true }],
    ['an object as it is', { response: { result: 'r' } }, { parts: [{ kind: 'text', text: '{"result":"r"}' }] }],
    ['nothing', {}, { parts: [{ kind: 'text', text: '' }] }],
    [
      'media',
      { response: {}, parts: [{ inlineData: { mimeType: 'image/png', data: 'AA==' } }] },
      { parts: [{ kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA==' } }] },
    ],
  ])('a response with %s', (_name, members, expected) => {
    const { turns } = decoded(contents(['model', call('f')], ['user', response('f', undefined, members)]));
    expect(turns[1]!.parts).toEqual([{ kind: 'tool-result', callId: 'call_1', name: 'f', ...expected }]);
  });
});

describe('signatures and thoughts', () => {
  const anthropic = { origin: 'anthropic-messages', value: 'abc' } as const;
  const wrapped = wrapSignature(anthropic);

  test.each([
    ['its own', 'c2ln', { origin: 'gemini-generate-content', value: 'c2ln' }],
    ['another provider’s', wrapped, anthropic],
    ['the word for none', 'skip_thought_signature_validator', undefined],
    ['the mark of an unsigned call', wrapSignature({ origin: 'openai-responses', value: '' }), undefined],
  ])('%s', (_name, thoughtSignature, signature) => {
    const { turns } = decoded(contents(['model', { functionCall: { name: 'f' }, thoughtSignature }]));
    const [part] = turns[0]!.parts;
    expect(part && 'signature' in part ? part.signature : undefined).toEqual(signature);
  });

  test('a streamed turn is reassembled, a signature ends a part', () => {
    const { turns } = decoded(
      contents(
        ['model', { text: 'I th', thought: true }],
        ['model', { text: 'ink', thought: true }],
        ['model', { text: '', thought: true, thoughtSignature: wrapped }],
        ['model', { text: 'Hel' }, { text: 'lo', thoughtSignature: 'c2ln' }],
        ['model', { text: ' you' }],
      ),
    );
    expect(turns).toEqual([
      {
        role: 'assistant',
        parts: [
          { kind: 'reasoning', text: 'I think', signature: anthropic },
          { kind: 'text', text: 'Hello', signature: { origin: 'gemini-generate-content', value: 'c2ln' } },
          { kind: 'text', text: ' you' },
        ],
      },
    ]);
  });
});

describe('settings', () => {
  test.each<[string, JsonObject, object]>([
    [
      'sampling and limits, in both spellings',
      {
        generation_config: {
          temperature: 1,
          top_p: 0.5,
          topK: 3,
          seed: 1,
          presence_penalty: 0.1,
          frequencyPenalty: 0.2,
          max_output_tokens: 9,
          candidate_count: 2,
          stop_sequences: ['a'],
        },
      },
      {
        sampling: { temperature: 1, topP: 0.5, topK: 3, seed: 1, presencePenalty: 0.1, frequencyPenalty: 0.2 },
        maxOutputTokens: 9,
        choices: 2,
        stop: ['a'],
        unmapped: {},
      },
    ],
    ['log probabilities', { generationConfig: { responseLogprobs: true, logprobs: 3 } }, { logProbabilities: 3 }],
    ['JSON', { generationConfig: { responseMimeType: 'application/json' } }, { output: { kind: 'json' } }],
    [
      'a Schema',
      { generationConfig: { responseMimeType: 'application/json', responseSchema: { type: 'STRING' } } },
      { output: { kind: 'json-schema', schema: { type: 'string' } } },
    ],
    [
      'a JSON Schema',
      { generationConfig: { responseMimeType: 'application/json', responseJsonSchema: { const: 1 } } },
      { output: { kind: 'json-schema', schema: { const: 1 } } },
    ],
    [
      'a level',
      { generationConfig: { thinkingConfig: { thinkingLevel: 'LOW', includeThoughts: true } } },
      { reasoning: { effort: 'low', isShown: true } },
    ],
    ['a budget', { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } }, { reasoning: { budgetTokens: 0 } }],
    ['the automatic budget', { generationConfig: { thinkingConfig: { thinkingBudget: -1 } } }, { reasoning: {} }],
    [
      'what comes out',
      {
        generationConfig: {
          responseModalities: ['TEXT', 'IMAGE'],
          imageConfig: { aspectRatio: '1:1', imageSize: '1K' },
          speechConfig: { voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } },
        },
      },
      { modalities: ['text', 'image'], image: { aspectRatio: '1:1', size: '1K' }, speech: { voice: 'Kore' } },
    ],
    ['a service tier', { serviceTier: 'standard' }, { serviceTier: 'default' }],
    ['extra_body', { extra_body: { a: 1 } }, { extraBody: { a: 1 } }],
    [
      'what only Google has, by name',
      {
        safetySettings: [],
        labels: {},
        generation_config: { media_resolution: 'MEDIA_RESOLUTION_LOW' },
        tools: [{ codeExecution: {} }, { google_search: {} }],
        toolConfig: { retrievalConfig: {} },
        models: ['a'],
        provider: {},
      },
      {
        unmapped: {
          safetySettings: [],
          labels: {},
          'generationConfig.mediaResolution': 'MEDIA_RESOLUTION_LOW',
          'tools.codeExecution': {},
          'toolConfig.retrievalConfig': {},
        },
        webSearch: {},
      },
    ],
  ])('%s', (_name, body, expected) => {
    expect(decoded(body)).toMatchObject(expected);
  });

  test('functions', () => {
    const tools = [
      { functionDeclarations: [{ name: 'f', description: 'd', parameters: { type: 'OBJECT' } }] },
      { function_declarations: [{ name: 'g', parameters_json_schema: { const: 1 } }, { name: 'h' }] },
    ];
    expect(decoded({ tools }).tools).toEqual([
      { kind: 'function', name: 'f', description: 'd', parameters: { type: 'object' } },
      { kind: 'function', name: 'g', parameters: { const: 1 } },
      { kind: 'function', name: 'h' },
    ]);
  });

  test.each([
    [{ mode: 'AUTO' }, { kind: 'auto' }],
    [{ mode: 'NONE' }, { kind: 'none' }],
    [{ mode: 'ANY' }, { kind: 'required' }],
    [
      { mode: 'ANY', allowedFunctionNames: ['f'] },
      { kind: 'tool', name: 'f' },
    ],
    [
      { mode: 'any', allowed_function_names: ['f', 'g'] },
      { kind: 'allowed', tools: [{ name: 'f' }, { name: 'g' }], isRequired: true },
    ],
    [{ mode: 'VALIDATED' }, { kind: 'auto' }],
    [
      { mode: 'VALIDATED', allowedFunctionNames: ['f'] },
      { kind: 'allowed', tools: [{ name: 'f' }], isRequired: false },
    ],
    [{ mode: 'MODE_UNSPECIFIED' }, undefined],
  ])('the choice %j', (functionCallingConfig, expected) => {
    expect(decoded({ toolConfig: { functionCallingConfig } }).toolChoice).toEqual(expected);
  });

  test('fields have the client’s names', () => {
    expect(client.fieldName('topK')).toBe('generationConfig.topK');
    expect(client.fieldName('messages')).toBe('contents');
  });
});
