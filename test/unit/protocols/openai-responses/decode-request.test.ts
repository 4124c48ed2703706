import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import { writeEncryptedContent } from '#src/protocols/openai-responses/reasoning.ts';
import { decodeResponsesRequest } from '#src/protocols/openai-responses/request/decode-request.ts';

const decode = (body: object): InferenceRequest => {
  const request = decodeResponsesRequest({ model: 'm', input: 'Hi', ...body });
  if (isFailure(request)) throw new Error(request.message);
  return request;
};
const turnsOf = (...input: object[]) => decode({ input }).turns;
const partOf = (part: object) => turnsOf({ role: 'user', content: [part] })[0]!.parts[0];
const refused = (body: object) => decodeResponsesRequest({ model: 'm', input: 'Hi', ...body });
const text = (words: string) => ({ kind: 'text', text: words });
const call = (id: string) => ({ type: 'function_call', call_id: id, name: 'f', arguments: '{}' });
const output = (id: string, value: unknown) => ({ type: 'function_call_output', call_id: id, output: value });

test('a minimal request', () => {
  expect(decode({})).toEqual({ turns: [{ role: 'user', parts: [text('Hi')] }], tools: [], sampling: {}, unmapped: {} });
});

describe('settings', () => {
  test.each<[string, object, object]>([
    ['max_output_tokens', { max_output_tokens: 9 }, { maxOutputTokens: 9 }],
    ['sampling', { temperature: 0.5, top_p: 0.9 }, { sampling: { temperature: 0.5, topP: 0.9 } }],
    ['parallel_tool_calls', { parallel_tool_calls: false }, { allowsParallelToolCalls: false }],
    ['text', { text: { format: { type: 'text' } } }, { output: { kind: 'text' } }],
    ['JSON', { text: { format: { type: 'json_object' } } }, { output: { kind: 'json' } }],
    [
      'a JSON schema',
      { text: { format: { type: 'json_schema', name: 'n', schema: { a: 1 }, strict: true, description: 'd' } } },
      { output: { kind: 'json-schema', name: 'n', schema: { a: 1 }, isStrict: true, description: 'd' } },
    ],
    ['verbosity', { text: { verbosity: 'low' } }, { verbosity: 'low' }],
    ['effort', { reasoning: { effort: 'high' } }, { reasoning: { effort: 'high', isShown: false } }],
    ['a summary', { reasoning: { summary: 'auto' } }, { reasoning: { isShown: true } }],
    ['the older summary', { reasoning: { generate_summary: 'concise' } }, { reasoning: { isShown: true } }],
    ['safety_identifier before user', { safety_identifier: 'a', user: 'b' }, { endUser: 'a' }],
    ['user', { user: 'b' }, { endUser: 'b' }],
    ['metadata', { metadata: { a: 'b' } }, { metadata: { a: 'b' } }],
    ['service_tier', { service_tier: 'flex' }, { serviceTier: 'flex' }],
    ['log probabilities', { include: ['message.output_text.logprobs'] }, { logProbabilities: 0 }],
    ['their alternatives', { include: ['message.output_text.logprobs'], top_logprobs: 3 }, { logProbabilities: 3 }],
    ['alternatives alone', { top_logprobs: 2 }, { logProbabilities: 2 }],
    ['extra_body', { extra_body: { x: 1 } }, { extraBody: { x: 1 } }],
  ])('%s', (_name, body, expected) => {
    const request = decode(body);
    expect(request).toMatchObject(expected);
    expect(request.unmapped).toEqual({});
  });

  test('instructions come first', () => {
    expect(decode({ instructions: 'Be brief.' }).turns).toEqual([
      { role: 'system', parts: [text('Be brief.')] },
      { role: 'user', parts: [text('Hi')] },
    ]);
  });

  test('members that no other protocol has are named', () => {
    const body = {
      store: true,
      truncation: 'auto',
      include: ['reasoning.encrypted_content', 'file_search_call.results'],
      max_tool_calls: 3,
      reasoning: { effort: 'low', context: 'all_turns', mode: 'standard' },
      text: { verbosity: 'low', tone: 'warm' },
      tools: [{ type: 'web_search', user_location: { country: 'FR' } }],
      of_tomorrow: { x: 1 },
    };
    expect(decode(body).unmapped).toEqual({
      store: true,
      truncation: 'auto',
      include: ['file_search_call.results'],
      'reasoning.context': 'all_turns',
      'text.tone': 'warm',
      of_tomorrow: { x: 1 },
    });
    expect(decode(body).webSearch).toEqual({ userLocation: { country: 'FR' }, maxUses: 3 });
    expect(decode({ max_tool_calls: 3 }).unmapped).toEqual({ max_tool_calls: 3 });
  });

  test('members without effect are not named', () => {
    const body = {
      ...{ store: false, truncation: 'disabled', background: false, stream: true, stream_options: {}, prompt: null },
      ...{ models: ['a'], provider: {}, include: ['reasoning.encrypted_content'], reasoning: { context: 'auto' } },
    };
    expect(decode(body).unmapped).toEqual({});
  });
});

describe('tools', () => {
  const closed = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };
  const toolOf = (tool: object) => decode({ tools: [tool] }).tools[0];

  test('a function with everything', () => {
    expect(toolOf({ type: 'function', name: 'f', description: 'd', parameters: closed, strict: false })).toEqual({
      ...{ kind: 'function', name: 'f', description: 'd', parameters: closed, isStrict: false },
    });
  });

  test.each<[string, object | null, boolean]>([
    ['a closed schema', closed, true],
    ['no parameters', null, true],
    ['an open object', { type: 'object', properties: {} }, false],
    ['an optional property', { ...closed, required: [] }, false],
    ['an open object within', { ...closed, properties: { a: { type: ['object', 'null'] } } }, false],
    ['an open object in a list', { ...closed, properties: { a: { type: 'array', items: { type: 'object' } } } }, false],
    ['an open object among several', { ...closed, properties: { a: { anyOf: [{ type: 'object' }] } } }, false],
    ['what strict mode lacks', { ...closed, oneOf: [] }, false],
  ])('strict unset, with %s', (_name, parameters, expected) => {
    expect(toolOf({ type: 'function', name: 'f', parameters, strict: null })).toMatchObject({ isStrict: expected });
  });

  test('a custom tool, its grammar in the canonical form', () => {
    const format = { type: 'grammar', syntax: 'lark', definition: 'start: "a"' };
    expect(toolOf({ type: 'custom', name: 'c', description: 'd', format })).toEqual({
      kind: 'custom',
      name: 'c',
      description: 'd',
      format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } },
    });
    expect(toolOf({ type: 'custom', name: 'c', format: { type: 'text' } })).toMatchObject({ format: { type: 'text' } });
  });

  test.each(['web_search', 'web_search_2025_08_26', 'web_search_preview'])('%s', (type) => {
    const { tools, webSearch } = decode({ tools: [{ type, search_context_size: 'low' }] });
    expect({ tools, webSearch }).toEqual({ tools: [], webSearch: { contextSize: 'low' } });
  });

  test.each(['file_search', 'code_interpreter', 'mcp', 'image_generation', 'tool_search'])(
    '%s runs at OpenAI: it is left out and named, and refused if it is forced',
    (type) => {
      expect(decode({ tools: [{ type: 'web_search' }, { type }] })).toMatchObject({
        tools: [],
        unmapped: { [`tools.${type}`]: true },
      });
      expect(refused({ tools: [{ type }], tool_choice: { type } })).toMatchObject({
        code: 'parameter_unsupported',
        param: 'tool_choice',
        message: expect.stringContaining(`'${type}'`),
      });
    },
  );

  test.each<[unknown, unknown]>([
    ['auto', { kind: 'auto' }],
    ['none', { kind: 'none' }],
    ['required', { kind: 'required' }],
    [
      { type: 'function', name: 'f' },
      { kind: 'tool', name: 'f' },
    ],
    [
      { type: 'custom', name: 'c' },
      { kind: 'tool', name: 'c' },
    ],
    [
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }] },
      { kind: 'allowed', tools: [{ name: 'f' }], isRequired: true, allowsSearch: true },
    ],
    [
      { type: 'allowed_tools', mode: 'auto', tools: [] },
      { kind: 'allowed', tools: [], isRequired: false },
    ],
  ])('choice %j', (choice, expected) => {
    expect(decode({ tool_choice: choice }).toolChoice).toEqual(expected);
  });

  test('a forced hosted tool is refused', () => {
    expect(refused({ tool_choice: { type: 'file_search' } })).toMatchObject({ param: 'tool_choice' });
  });
});

describe('parts', () => {
  test.each<[string, object, object]>([
    ['text', { type: 'input_text', text: 'a' }, text('a')],
    [
      'text that ends a cached prefix',
      { type: 'input_text', text: 'a', prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } },
      { ...text('a'), cacheBreakpoint: { ttlSeconds: 1_800 } },
    ],
    [
      'text with citations',
      {
        type: 'output_text',
        text: 'a',
        annotations: [
          { type: 'url_citation', url: 'u', title: 't', start_index: 0, end_index: 1 },
          { type: 'file_citation', file_id: 'x' },
        ],
      },
      { ...text('a'), citations: [{ url: 'u', title: 't', startIndex: 0, endIndex: 1 }] },
    ],
    ['a refusal', { type: 'refusal', refusal: 'no' }, { kind: 'refusal', text: 'no' }],
    [
      'an image by URL',
      { type: 'input_image', image_url: 'https://x/y.png', detail: 'low' },
      { kind: 'image', source: { kind: 'url', url: 'https://x/y.png' }, detail: 'low' },
    ],
    [
      'an image in a data URL',
      { type: 'input_image', image_url: 'data:image/PNG;base64,AAAA' },
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } },
    ],
    [
      'an image by id',
      { type: 'input_image', file_id: 'file-1' },
      { kind: 'image', source: { kind: 'file-id', id: 'file-1' } },
    ],
    [
      'a file in a data URL',
      { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AAAA' },
      { kind: 'document', filename: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AAAA' } },
    ],
    [
      'a file in bare base64',
      { type: 'input_file', filename: 'a.pdf', file_data: 'AAAA' },
      { kind: 'document', filename: 'a.pdf', source: { kind: 'base64', mediaType: 'application/pdf', data: 'AAAA' } },
    ],
    [
      'a text file that is not base64',
      { type: 'input_file', file_data: 'data:text/plain,a%20b' },
      { kind: 'document', source: { kind: 'base64', mediaType: 'text/plain', data: 'YSBi' } },
    ],
    [
      'a file by URL',
      { type: 'input_file', file_url: 'https://x/y.pdf' },
      { kind: 'document', source: { kind: 'url', url: 'https://x/y.pdf' } },
    ],
    [
      'a file by id',
      { type: 'input_file', file_id: 'file-1' },
      { kind: 'document', source: { kind: 'file-id', id: 'file-1' } },
    ],
    [
      'audio',
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
      { kind: 'audio', data: 'AAAA', format: 'mp3' },
    ],
  ])('%s', (_name, part, expected) => {
    expect(partOf(part)).toEqual(expected);
  });
});

describe('items', () => {
  test.each(['user', 'system', 'developer', 'assistant'])('a message of the %s, with and without its type', (role) => {
    const expected = [{ role, parts: [text('a')] }];
    expect(turnsOf({ role, content: 'a' })).toEqual(expected);
    expect(turnsOf({ type: 'message', role, content: [{ type: 'output_text', text: 'a' }] })).toEqual(expected);
  });

  test('consecutive items of the assistant are one turn, and so are outputs', () => {
    const turns = turnsOf(
      { role: 'user', content: 'q' },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'r' }], encrypted_content: 'gAAA' },
      { role: 'assistant', content: 'a' },
      call('c1'),
      { type: 'custom_tool_call', call_id: 'c2', name: 'g', input: 'free' },
      output('c1', 'one'),
      { type: 'custom_tool_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'two' }] },
      { role: 'user', content: 'next' },
    );
    expect(turns).toEqual([
      { role: 'user', parts: [text('q')] },
      {
        role: 'assistant',
        parts: [
          { kind: 'reasoning', id: 'rs_1', text: 'r', signature: { origin: 'openai-responses', value: 'gAAA' } },
          text('a'),
          { kind: 'tool-call', id: 'c1', name: 'f', arguments: '{}' },
          { kind: 'tool-call', id: 'c2', name: 'g', arguments: 'free', isCustom: true },
        ],
      },
      {
        role: 'user',
        parts: [
          { kind: 'tool-result', callId: 'c1', name: 'f', parts: [text('one')] },
          { kind: 'tool-result', callId: 'c2', name: 'g', parts: [text('two')] },
        ],
      },
      { role: 'user', parts: [text('next')] },
    ]);
  });

  test('an output of text, images and files', () => {
    const parts = [
      { type: 'input_text', text: 'a' },
      { type: 'input_image', image_url: 'https://x/y.png' },
      { type: 'input_file', file_id: 'file-1' },
    ];
    const [turn] = turnsOf(output('c1', parts));
    expect(turn!.parts[0]).toMatchObject({ parts: [{ kind: 'text' }, { kind: 'image' }, { kind: 'document' }] });
  });

  test('reasoning text takes precedence over its summary; without both and a signature it is left out', () => {
    const content = [
      { type: 'reasoning_text', text: 'a' },
      { type: 'reasoning_text', text: 'b' },
    ];
    const summary = [{ type: 'summary_text', text: 's' }];
    expect(turnsOf({ type: 'reasoning', summary, content })[0]!.parts).toEqual([{ kind: 'reasoning', text: 'a\n\nb' }]);
    expect(turnsOf({ type: 'reasoning', summary, content: [] })[0]!.parts).toEqual([{ kind: 'reasoning', text: 's' }]);
    expect(turnsOf({ type: 'reasoning', summary: [] }, { role: 'user', content: 'a' })).toHaveLength(1);
  });

  test('an image of an earlier answer', () => {
    const item = {
      type: 'image_generation_call',
      id: 'ig',
      status: 'completed',
      result: 'AAAA',
      output_format: 'webp',
    };
    expect(turnsOf(item)).toEqual([
      {
        role: 'assistant',
        parts: [{ kind: 'image', source: { kind: 'base64', mediaType: 'image/webp', data: 'AAAA' } }],
      },
    ]);
  });

  test('items of hosted tools are left out and named', () => {
    const input = [
      { type: 'web_search_call', id: 'ws_1' },
      { role: 'assistant', content: 'a' },
    ];
    expect(decode({ input })).toMatchObject({
      turns: [{ role: 'assistant' }],
      unmapped: { 'input.web_search_call': true },
    });
  });

  test.each(['item_reference', 'compaction', 'computer_call', 'of_tomorrow'])('%s is refused by name', (type) => {
    expect(
      refused({
        input: [
          { role: 'user', content: 'a' },
          { type, id: 'x' },
        ],
      }),
    ).toMatchObject({
      code: 'parameter_unsupported',
      param: 'input[1]',
      message: expect.stringContaining(`'${type}'`),
    });
  });
});

describe('signatures of other providers', () => {
  const gemini = { origin: 'gemini-generate-content', value: 'R2VtaW5p' } as const;
  const claude = { origin: 'anthropic-messages', value: 'Q2xhdWRl' } as const;
  const item = (encrypted: string, summary: object[] = []) => ({
    type: 'reasoning',
    summary,
    encrypted_content: encrypted,
  });
  const carrier = item(writeEncryptedContent(gemini, 'part-before'));

  test('on reasoning', () => {
    const signed = item(writeEncryptedContent(claude, 'reasoning'), [{ type: 'summary_text', text: 'r' }]);
    expect(turnsOf(signed)[0]!.parts).toEqual([{ kind: 'reasoning', text: 'r', signature: claude }]);
  });

  test('on redacted reasoning', () => {
    expect(turnsOf(item(writeEncryptedContent(claude, 'redacted')))[0]!.parts).toEqual([
      { kind: 'reasoning', text: '', signature: claude, isRedacted: true },
    ]);
  });

  test('on the part before it, whatever that is', () => {
    const [turn] = turnsOf({ role: 'assistant', content: 'a' }, carrier, call('c1'), carrier, call('c2'));
    expect(turn!.parts).toMatchObject([
      { kind: 'text', signature: gemini },
      { kind: 'tool-call', id: 'c1', signature: gemini },
      { kind: 'tool-call', id: 'c2' },
    ]);
    expect(turn!.parts[2]).not.toHaveProperty('signature');
  });

  test('on an empty text, which clients do not see', () => {
    const [turn] = turnsOf(call('c1'), item(writeEncryptedContent(gemini, 'empty-text')));
    expect(turn!.parts).toMatchObject([{ kind: 'tool-call' }, { ...text(''), signature: gemini }]);
    expect(turn!.parts[0]).not.toHaveProperty('signature');
  });

  test('on a part that the client left out are left out too', () => {
    expect(turnsOf({ role: 'user', content: 'a' }, carrier)).toHaveLength(1);
  });

  test('something that only looks wrapped is OpenAI’s own', () => {
    const [turn] = turnsOf(item('gAAAA.before'));
    expect(turn!.parts[0]).toMatchObject({ signature: { origin: 'openai-responses', value: 'gAAAA.before' } });
  });
});

describe('what cannot be read is a 400 that names the field', () => {
  test.each<[string, object, string, string]>([
    ['a stored conversation', { conversation: 'conv_1' }, 'parameter_unsupported', 'conversation'],
    ['a stored prompt', { prompt: { id: 'p' } }, 'parameter_unsupported', 'prompt'],
    ['a hot temperature', { temperature: 'hot' }, 'request_invalid', 'temperature'],
    ['an unknown format', { text: { format: { type: 'xml' } } }, 'request_invalid', 'text.format.type'],
    ['an unknown role', { input: [{ role: 'tool', content: 'a' }] }, 'request_invalid', 'input[0].role'],
    ['a message without content', { input: [{ role: 'user' }] }, 'parameter_missing', 'input[0].content'],
    ['a call without an id', { input: [{ ...call(''), call_id: undefined }] }, 'parameter_missing', 'input[0].call_id'],
    ['an output without one', { input: [output('c', undefined)] }, 'parameter_missing', 'input[0].output'],
    ['a tool without a name', { tools: [{ type: 'function' }] }, 'parameter_missing', 'tools[0].name'],
    ['a tool without a type', { tools: [{}] }, 'parameter_missing', 'tools[0].type'],
    ['a choice of a number', { tool_choice: 5 }, 'request_invalid', 'tool_choice'],
    ['a choice without a name', { tool_choice: { type: 'function' } }, 'parameter_missing', 'tool_choice.name'],
    [
      'a text without text',
      { input: [{ role: 'user', content: [{ type: 'input_text' }] }] },
      'parameter_missing',
      'input[0].content[0].text',
    ],
    [
      'an image without a source',
      { input: [{ role: 'user', content: [{ type: 'input_image' }] }] },
      'parameter_missing',
      'input[0].content[0].image_url',
    ],
    [
      'content of tomorrow',
      { input: [{ role: 'user', content: [{ type: 'input_smell' }] }] },
      'parameter_unsupported',
      'input[0].content[0]',
    ],
    [
      'audio as a tool’s output',
      { input: [output('c', [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }])] },
      'parameter_unsupported',
      'input[0].output[0]',
    ],
  ])('%s', (_name, body, code, param) => {
    expect(refused(body)).toMatchObject({ code, param });
  });
});
