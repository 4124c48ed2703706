import { describe, expect, test } from 'vitest';
import { readGeminiCall } from '../../src/dialects/gemini-generate-content/read-call.ts';
import { complaintOf, refusalOf } from './refusal-of.ts';

const hello = { role: 'user', parts: [{ text: 'hello' }] };
const declaration = { name: 'get_weather', parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } } } };
const withTools = { tools: [{ functionDeclarations: [declaration] }] };
const call = (name = 'get_weather') => ({ functionCall: { name, args: { city: 'Ulm' } } });
const response = (output: unknown = 'sunny') => ({ functionResponse: { name: 'get_weather', response: { output } } });
const text = (words: string) => ({ text: words });

function read(more: object, model = 'gemini-2.0-flash') {
  const target = { model, delivery: 'unary' as const };
  return readGeminiCall({ contents: [hello], ...more }, target, { name: 'simulator', seed: 0 }).call;
}

const complaint = (more: object, model?: string) => complaintOf(() => read(more, model));
const config = (generationConfig: object) => ({ generationConfig });

describe('a conversation', () => {
  test('is the same in one content or several', () => {
    const parts = [
      { role: 'user', parts: [text('hel')] },
      { role: 'user', parts: text('lo') },
    ];
    expect(read({ contents: parts }).promptText).toBe(read({}).promptText);
  });

  test('becomes the same as in other protocols, without thoughts and ids', () => {
    const model = { role: 'model', parts: [{ text: 'Hm.', thought: true }, text('Well: '), call()] };
    const { promptText, lastUserText, endsWithToolResult } = read({
      systemInstruction: { parts: [text('Be brief.')] },
      contents: [hello, model, { role: 'user', parts: [response()] }],
    });
    expect(promptText).toBe(
      'system: Be brief.\nuser: hello\nassistant: Well: [get_weather {"city":"Ulm"}]\ntool: sunny\n',
    );
    expect({ lastUserText, endsWithToolResult }).toEqual({ lastUserText: 'hello', endsWithToolResult: true });
  });

  test('is continued if it ends with the model', () => {
    const last = { role: 'model', parts: [text('It beg')] };
    expect(read({ contents: [hello, last] })).toMatchObject({ prefill: 'It beg', promptText: read({}).promptText });
  });
});

describe('parameters', () => {
  test('are read if the engine needs them', () => {
    const more = {
      ...withTools,
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['get_weather'] } },
      ...config({ maxOutputTokens: '9', candidateCount: 2, stopSequences: 'END', seed: 4 }),
    };
    expect(read(more)).toMatchObject({
      maxOutputTokens: 9,
      isOutputReserved: false,
      choices: 2,
      stop: ['END'],
      seed: 4,
      toolChoice: { mode: 'required', allowed: ['get_weather'] },
    });
  });

  test('are absent if null', () => {
    expect(
      read({ tools: null, generationConfig: { maxOutputTokens: null }, cachedContent: null }).maxOutputTokens,
    ).toBeNull();
  });
});

describe('prompt tokens', () => {
  const image = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
  const pdf = { inlineData: { mimeType: 'application/pdf', data: 'x'.repeat(400) } };

  test.each([
    ['text', [text('hello')], 8 + 2],
    ['an image', [image], 8 + 800],
    ['a document', [pdf], 8 + 10],
  ])('of %s', (_, parts, tokens) => expect(read({ contents: [{ parts }] }).promptTokens).toBe(tokens));
});

describe('the order of functions', () => {
  const model = (...parts: object[]) => ({ role: 'model', parts });
  const user = (...parts: object[]) => ({ role: 'user', parts });
  const COUNT = 'number of function response parts is equal to the number of function call parts';
  const AFTER_CALL = 'function response turn comes immediately after a function call turn';

  test.each([
    ['as many responses as calls', [hello, model(call(), call()), user(response(), response())], null],
    ['responses in several contents', [hello, model(call(), call()), user(response()), user(response())], null],
    ['text beside a response', [hello, model(call()), user(response(), text('and?'))], null],
    ['fewer responses', [hello, model(call(), call()), user(response())], COUNT],
    ['more responses', [hello, model(call()), user(response(), response())], COUNT],
    ['a call at the end', [hello, model(call())], COUNT],
    ['a call answered too late', [hello, model(call()), user(text('hm')), model(text('x')), user(response())], COUNT],
    ['a response to words', [hello, model(text('hm')), user(response())], AFTER_CALL],
    ['a response at the beginning', [user(response())], AFTER_CALL],
    [
      'a call at the beginning',
      [model(call()), user(response())],
      'function call turn comes immediately after a user turn',
    ],
    ['a model that begins', [model(text('hm')), hello], 'start with a user turn'],
  ])('%s', (_, contents, wanted) => {
    const words = complaint({ contents });
    expect(words).toEqual(wanted === null ? null : expect.stringContaining(wanted));
  });
});

describe('thoughts', () => {
  const thinking = (thinkingConfig: object) => config({ thinkingConfig });

  test.each([
    ['gemini-2.0-flash', [], [{ includeThoughts: true }]],
    [
      'gemini-2.5-flash',
      [{ thinkingBudget: 0 }, { thinkingBudget: -1 }],
      [{ thinkingLevel: 'LOW' }, { thinkingBudget: 40_000 }],
    ],
    ['gemini-2.5-pro', [{ thinkingBudget: 128 }], [{ thinkingBudget: 0 }, { thinkingBudget: 100 }]],
    [
      'gemini-3-pro-preview',
      [{ thinkingLevel: 'low' }, { thinkingBudget: 200 }],
      [{ thinkingBudget: 0 }, { thinkingLevel: 'huge' }],
    ],
    ['gemini-4-flash', [{ thinkingLevel: 'xhigh' }], [{ thinkingBudget: 200 }]],
    ['anything-else', [{ thinkingBudget: 0 }, { thinkingLevel: 'HIGH' }], []],
  ])('of %s', (model, taken, refused) => {
    for (const value of taken) expect(complaint(thinking(value), model), JSON.stringify(value)).toBeNull();
    for (const value of refused) expect(complaint(thinking(value), model), JSON.stringify(value)).not.toBeNull();
  });

  test('have a budget or a level, but not both', () => {
    const both = thinking({ thinkingBudget: 200, thinkingLevel: 'LOW' });
    expect(complaint(both, 'gemini-3-pro')).toBe('You can only set only one of thinking budget and thinking level.');
  });

  test('leave room for a short answer', () => {
    expect(read(config({ maxOutputTokens: 20 }), 'gemini-3-pro').reasoningTokens).toBe(5);
  });
});

describe('what the provider refuses', () => {
  const parameters = (schema: object) => ({ tools: [{ functionDeclarations: [{ name: 'f', parameters: schema }] }] });
  const part = (value: object) => ({ contents: [{ parts: [value] }] });
  const unknown = (name: string, path: string) =>
    `Invalid JSON payload received. Unknown name "${name}"${path === '' ? '' : ` at '${path}'`}: Cannot find field.`;
  const SCHEMA = 'tools[0].function_declarations[0].parameters';

  test.each([
    ['members of other protocols', { stream: true }, unknown('stream', '')],
    ['unknown members further in', config({ maxTokens: 5 }), unknown('maxTokens', 'generation_config')],
    [
      'unknown members of parts',
      part({ text: 'x', cacheControl: {} }),
      unknown('cacheControl', 'contents[0].parts[0]'),
    ],
    [
      'JSON Schema in parameters',
      parameters({ type: 'object', additionalProperties: false }),
      unknown('additionalProperties', SCHEMA),
    ],
    [
      'JSON Schema further in',
      parameters({ type: 'object', properties: { a: { const: 1 } } }),
      unknown('const', `${SCHEMA}.properties[0].value`),
    ],
    [
      'JSON Schema in a response schema',
      config({ responseMimeType: 'application/json', responseSchema: { $ref: '#' } }),
      unknown('$ref', 'generation_config.response_schema'),
    ],
    ['several types', parameters({ type: ['string', 'null'] }), 'Proto field is not repeating, cannot start list.'],
    [
      'an object without properties',
      parameters({ type: 'OBJECT', properties: {} }),
      'should be non-empty for OBJECT type',
    ],
    ['numbers to choose from', parameters({ type: 'INTEGER', enum: [1, 2] }), 'Invalid value at'],
    ['no contents', { contents: [] }, 'contents is not specified'],
    ['no parts', { contents: [{ role: 'user', parts: [] }] }, 'contents[0].parts: contents.parts must not be empty.'],
    ['a part without data', part({}), "required oneof field 'data' must have one initialized field"],
    [
      'a part with two kinds of data',
      part({ text: 'x', inlineData: { mimeType: 'image/png', data: 'AAAA' } }),
      'oneof',
    ],
    [
      'another role',
      { contents: [{ role: 'assistant', parts: [text('x')] }] },
      'Please use a valid role: user, model.',
    ],
    [
      'bytes that are none',
      part({ inlineData: { mimeType: 'image/png', data: 'data:image/png;base64,AA' } }),
      'Base64 decoding failed',
    ],
    ['a response that is text', part({ functionResponse: { name: 'f', response: 'sunny' } }), 'google.protobuf.Struct'],
    ['a response without a name', part({ functionResponse: { response: {} } }), 'Name cannot be empty.'],
    ['a function with a bad name', { tools: [{ functionDeclarations: [{ name: '1st' }] }] }, 'Invalid function name.'],
    [
      'functions of one name',
      { tools: [{ functionDeclarations: [declaration, declaration] }] },
      'Duplicate function declaration found: get_weather',
    ],
    [
      'both kinds of schema',
      { tools: [{ functionDeclarations: [{ ...declaration, parametersJsonSchema: {} }] }] },
      'only one of',
    ],
    [
      'server tools beside functions',
      { tools: [{ functionDeclarations: [declaration] }, { googleSearch: {} }] },
      'Tool use with function calling is unsupported',
    ],
    [
      'force without functions',
      { toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
      'without function_declarations',
    ],
    [
      'a list of names without force',
      { ...withTools, toolConfig: { functionCallingConfig: { allowedFunctionNames: ['get_weather'] } } },
      'should only be set when',
    ],
    [
      'JSON mode beside functions',
      { ...withTools, ...config({ responseMimeType: 'application/json' }) },
      "Function calling with a response mime type: 'application/json' is unsupported",
    ],
    ['a schema for plain text', config({ responseSchema: { type: 'STRING' } }), 'requires the response_mime_type'],
    [
      'two response schemas',
      config({ responseMimeType: 'application/json', responseSchema: {}, responseJsonSchema: {} }),
      'Only one of',
    ],
    ['six stop sequences', config({ stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] }), 'at most 5'],
    ['nine candidates', config({ candidateCount: 9 }), 'candidate_count'],
    ['heat', config({ temperature: 3 }), 'temperature must be in the range'],
    [
      'sides that do not exist',
      config({ responseModalities: ['IMAGE'], imageConfig: { aspectRatio: '7:3' } }),
      'aspect_ratio must be one of',
    ],
    [
      'sizes that do not exist',
      config({ responseModalities: ['IMAGE'], imageConfig: { imageSize: '1k' } }),
      'image_size must be one of',
    ],
    ['a voice', config({ responseModalities: ['AUDIO'] }), 'response modalities'],
    [
      'cached content beside tools',
      { ...withTools, cachedContent: 'cachedContents/a' },
      'CachedContent can not be used',
    ],
    [
      'a safety category that does not exist',
      { safetySettings: [{ category: 'RUDE', threshold: 'OFF' }] },
      'safety_settings[0].category',
    ],
    ['a tier of another provider', { serviceTier: 'auto' }, "Invalid value at 'service_tier'"],
  ])('%s', (_, more, words) => expect(complaint(more)).toContain(words));

  test('some of this is accepted by newer models', () => {
    const mixed = {
      tools: [{ functionDeclarations: [declaration] }, { googleSearch: {} }],
      toolConfig: { includeServerSideToolInvocations: true },
    };
    const json = { ...withTools, ...config({ responseMimeType: 'application/json' }) };
    for (const more of [mixed, json]) {
      expect(complaint(more)).not.toBeNull();
      expect(complaint(more, 'gemini-3-pro')).toBeNull();
    }
  });

  test('the error names the field', () => {
    expect(refusalOf(() => read(config({ maxTokens: 5 })))).toMatchObject({ param: 'generation_config' });
  });
});
