// Symptom: Google's own example of function calling (samples/rest/function_calling.sh, 2026-11) was a 400, or lost its prompt in
// translation: it has one object where the reference has a list. A translated request also lost what had a wrong type: `text: 5`,
// `temperature: "NaN"`. Cause: both were read as absent. Fix: wire-values.ts (a single value is a list of one), check-values.ts.
import { describe, expect, test } from 'vitest';
import { readNamedRequest } from '#src/protocols/bounds/request-names.ts';
import { removeForeignSignatures } from '#src/protocols/gemini-generate-content/parts.ts';
import { geminiClient } from '#src/protocols/gemini-generate-content/protocol.ts';
import { decodeGeminiRequest } from '#src/protocols/gemini-generate-content/request/decode-request.ts';

const TARGET = { path: '/v1beta/models/m:generateContent', query: {} };

describe('one object in place of a list', () => {
  const request = {
    system_instruction: { parts: { text: 'Be short.' } },
    tools: { function_declarations: { name: 'f', parameters: { type: 'object' } } },
    tool_config: { function_calling_config: { mode: 'any', allowed_function_names: 'f' } },
    contents: { role: 'user', parts: { text: 'Turn on the lights.' } },
    generation_config: { stop_sequences: 'x' },
  };

  test('is read as a list of one', () => {
    const listed = { ...request, contents: [{ role: 'user', parts: [{ text: 'Turn on the lights.' }] }] };
    expect(readNamedRequest(geminiClient, listed, TARGET)).toMatchObject({ model: 'm' });
    expect(readNamedRequest(geminiClient, request, TARGET)).toEqual(readNamedRequest(geminiClient, listed, TARGET));
  });

  test('is translated', () => {
    expect(decodeGeminiRequest(request)).toMatchObject({
      turns: [
        { role: 'system', parts: [{ kind: 'text', text: 'Be short.' }] },
        { role: 'user', parts: [{ kind: 'text', text: 'Turn on the lights.' }] },
      ],
      tools: [{ name: 'f' }],
      toolChoice: { kind: 'tool', name: 'f' },
      stop: ['x'],
    });
  });

  test('has bounded names', () => {
    const tools = { functionDeclarations: { name: 'f'.repeat(300) } };
    expect(readNamedRequest(geminiClient, { ...request, tools }, TARGET)).toMatchObject({ code: 'request_invalid' });
  });

  test('is kept where signatures of other providers are removed', () => {
    expect(removeForeignSignatures(request.contents)).toEqual([
      { role: 'user', parts: [{ text: 'Turn on the lights.' }] },
    ]);
  });
});

const parts = (part: unknown) => ({ contents: [{ parts: [part] }] });
const config = (generationConfig: object) => ({ contents: [{ parts: [{ text: 'hi' }] }], generationConfig });
const rest = (members: object) => ({ contents: [{ parts: [{ text: 'hi' }] }], ...members });
const at = 'contents[0].parts[0]';

test.each<[string, object, string, string]>([
  ['a text that is a number', parts({ text: 5 }), `${at}.text`, 'a string'],
  ['a part that is a text', parts('hi'), 'contents[0].parts', 'a list of objects'],
  ['parts in words', { contents: [{ parts: 'hi' }] }, 'contents[0].parts', 'a list of objects'],
  ['a role of 5', { contents: [{ role: 5, parts: [] }] }, 'contents[0].role', 'a string'],
  ['bytes that are a number', parts({ inline_data: { data: 5 } }), `${at}.inlineData.data`, 'a string'],
  ['arguments in words', parts({ functionCall: { name: 'f', args: 'x' } }), `${at}.functionCall.args`, 'an object'],
  [
    'a result in words',
    parts({ functionResponse: { name: 'f', response: 'x' } }),
    `${at}.functionResponse.response`,
    'an object',
  ],
  ['an instruction of 5', rest({ systemInstruction: 5 }), 'systemInstruction', 'an object'],
  [
    'a part of the instruction',
    rest({ systemInstruction: { parts: [{ text: 5 }] } }),
    'systemInstruction.parts[0].text',
    'a string',
  ],
  ['a temperature that is none', config({ temperature: 'NaN' }), 'generationConfig.temperature', 'a number'],
  ['stop sequences of 5', config({ stopSequences: [5] }), 'generationConfig.stopSequences', 'a list of strings'],
  ['a schema in words', config({ response_schema: 'x' }), 'generationConfig.responseSchema', 'an object'],
  [
    'a JSON Schema in words',
    config({ responseJsonSchema: 'x' }),
    'generationConfig.responseJsonSchema',
    'an object or a boolean',
  ],
  [
    'a budget in words',
    config({ thinkingConfig: { thinkingBudget: 'x' } }),
    'generationConfig.thinkingConfig.thinkingBudget',
    'a number',
  ],
  ['tools in words', rest({ tools: 'x' }), 'tools', 'a list of objects'],
  [
    'a function without a readable name',
    rest({ tools: [{ functionDeclarations: [{ name: 5 }] }] }),
    'tools[0].functionDeclarations[0].name',
    'a string',
  ],
  [
    'a mode of 5',
    rest({ toolConfig: { functionCallingConfig: { mode: 5 } } }),
    'toolConfig.functionCallingConfig.mode',
    'a string',
  ],
])('%s is refused with its place', (_name, request, param, expected) => {
  const message = `Invalid value for '${param}': expected ${expected}.`;
  expect(decodeGeminiRequest(request as never)).toMatchObject({ code: 'request_invalid', param, message });
});

test('null and numbers in texts are what proto3 JSON says', () => {
  const request = config({ temperature: '0.5', maxOutputTokens: '7', stopSequences: null, thinkingConfig: null });
  expect(decodeGeminiRequest(request)).toMatchObject({ sampling: { temperature: 0.5 }, maxOutputTokens: 7 });
});

test.each([true, false])('the JSON Schema %s, which has no keywords, asks for JSON and for any arguments', (schema) => {
  const request = {
    ...config({ responseMimeType: 'application/json', responseJsonSchema: schema }),
    tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: schema }] }],
  };
  expect(decodeGeminiRequest(request)).toMatchObject({
    output: { kind: 'json' },
    tools: [{ kind: 'function', name: 'f' }],
  });
});
