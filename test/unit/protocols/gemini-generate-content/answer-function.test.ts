// JSON output beside functions, by a function that gives the answer: asked for on the way out, text again on the way back.
import { describe, expect, test } from 'vitest';
import type { InferenceRequest, OutputFormat } from '#src/contracts/inference-request.ts';
import { decodeStream, encode, encodedBody, event, vendor } from './decoding.ts';

const OLDER = 'gemini-2.5-flash';
const tool = { kind: 'function' as const, name: 'look_up', parameters: { type: 'object', properties: { q: {} } } };
const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
const output: OutputFormat = { kind: 'json-schema', schema, isStrict: true };

interface Body {
  tools?: { functionDeclarations: { name: string; parametersJsonSchema: Record<string, unknown> }[] }[];
  toolConfig?: unknown;
  generationConfig?: unknown;
}

function asked(more: Partial<InferenceRequest>, model = OLDER) {
  const { tools, toolConfig, generationConfig } = encodedBody({ tools: [tool], output, ...more }, model) as Body;
  const declared = tools?.[0]?.functionDeclarations ?? [];
  return { names: declared.map(({ name }) => name), answer: declared.at(-1), toolConfig, generationConfig };
}

describe('the functions for an older model', () => {
  test('the client’s functions, and the one that gives the answer', () => {
    expect(asked({})).toEqual({
      names: ['look_up', 'sluice_json_answer'],
      answer: expect.objectContaining({ parametersJsonSchema: schema }),
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      generationConfig: undefined,
    });
    expect(encode({ tools: [tool], output }, OLDER)).toMatchObject({ isReshaped: true, dropped: [] });
  });

  test.each<[string, OutputFormat, string, object]>([
    [
      'a list, whose definitions stay at the root',
      {
        kind: 'json-schema',
        schema: { type: 'array', items: { $ref: '#/$defs/n' }, $defs: { n: { type: 'integer' } } },
      },
      'sluice_json_value',
      {
        type: 'object',
        properties: { value: { type: 'array', items: { $ref: '#/$defs/n' } } },
        required: ['value'],
        $defs: { n: { type: 'integer' } },
      },
    ],
    [
      'JSON without a schema',
      { kind: 'json' },
      'sluice_json_text',
      { type: 'object', properties: { text: expect.objectContaining({ type: 'string' }) }, required: ['text'] },
    ],
    [
      'an object whose members are not declared',
      { kind: 'json-schema', schema: { type: 'object' } },
      'sluice_json_text',
      { type: 'object', properties: { text: expect.objectContaining({ type: 'string' }) }, required: ['text'] },
    ],
  ])('%s', (_name, format, name, parameters) => {
    expect(asked({ output: format }).answer).toMatchObject({ name, parametersJsonSchema: parameters });
  });

  test('some of the functions', () => {
    const { toolConfig } = asked({
      tools: [tool, { ...tool, name: 'other' }],
      toolChoice: { kind: 'allowed', tools: [{ name: 'other' }], isRequired: false },
    });
    const allowedFunctionNames = ['other', 'sluice_json_answer'];
    expect(toolConfig).toEqual({ functionCallingConfig: { mode: 'ANY', allowedFunctionNames } });
  });

  test('no other functions if none may be called', () => {
    const { names, toolConfig, generationConfig } = asked({ toolChoice: { kind: 'none' } });
    expect({ names, toolConfig }).toEqual({ names: [], toolConfig: undefined });
    expect(generationConfig).toEqual({ responseMimeType: 'application/json', responseJsonSchema: schema });
  });

  test('only the client’s functions if one of them must be called', () => {
    const { names, generationConfig } = asked({ toolChoice: { kind: 'required' } });
    expect({ names, generationConfig }).toEqual({ names: ['look_up'], generationConfig: undefined });
  });

  test('no additional function from Gemini 3 on', () => {
    expect(asked({}, 'gemini-3-flash-preview')).toMatchObject({
      names: ['look_up'],
      generationConfig: { responseMimeType: 'application/json', responseJsonSchema: schema },
    });
  });
});

describe('the answer', () => {
  const answerOf = (...parts: object[]) => ({
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 },
  });
  const call = (name: string, args: object) => ({ functionCall: { name, args } });

  test.each([
    ['sluice_json_answer', { n: 1 }, '{"n":1}'],
    ['sluice_json_value', { value: [1, 2] }, '[1,2]'],
    ['sluice_json_text', { text: '{"a": 1}' }, '{"a": 1}'],
  ])('%s is text, whole and streamed', (name, args, text) => {
    const body = answerOf(call(name, args), call(name, args));
    const choices = [{ index: 0, parts: [{ kind: 'text', text }], finishReason: 'stop' }];
    expect(vendor.decodeAnswer(body, { requestId: 'req_1' })).toMatchObject({ choices });
    const events = decodeStream(event(body));
    const deltas = events.flatMap((item) => (item.kind === 'part-delta' ? [item.delta] : []));
    expect(deltas).toEqual([text]);
    expect(events).toContainEqual(expect.objectContaining({ kind: 'finish', reason: 'stop' }));
    expect(events).not.toContainEqual(
      expect.objectContaining({ start: expect.objectContaining({ kind: 'tool-call' }) }),
    );
  });

  test('a call of the client’s function stays a call', () => {
    expect(vendor.decodeAnswer(answerOf(call('look_up', { q: 'x' })), { requestId: 'req_1' })).toMatchObject({
      choices: [
        { parts: [{ kind: 'tool-call', name: 'look_up', arguments: '{"q":"x"}' }], finishReason: 'tool-calls' },
      ],
    });
  });
});
