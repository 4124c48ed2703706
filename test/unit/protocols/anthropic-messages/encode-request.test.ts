import { describe, expect, test } from 'vitest';
import type { InferenceRequest, Part, Turn } from '#src/contracts/inference-request.ts';
import { messagesProviderCodec } from '#src/protocols/anthropic-messages/protocol.ts';
import type { JsonObject, RequestField } from '#src/protocols/codec.ts';

const NEW = 'claude-opus-5';
const OLD = 'claude-sonnet-4-5';

const user = (...parts: Part[]): Turn => ({ role: 'user', parts });
const assistant = (...parts: Part[]): Turn => ({ role: 'assistant', parts });
const text = (value: string): Part => ({ kind: 'text', text: value });
const call = (id: string, more = {}): Part => ({ kind: 'tool-call', id, name: 'f', arguments: '{"a":1}', ...more });
const result = (callId: string, ...parts: { kind: 'text'; text: string }[]): Part => ({
  kind: 'tool-result',
  callId,
  parts,
});
const tool = { kind: 'function' as const, name: 'f', description: 'd', parameters: { type: 'object', properties: {} } };

function encode(more: Partial<InferenceRequest>, upstreamModel = NEW, isStream = false) {
  const request = { turns: [user(text('Hi'))], tools: [], sampling: {}, unmapped: {}, ...more };
  const input = { upstreamModel, isStream, canReportStreamUsage: true };
  return messagesProviderCodec.encodeRequest(request, input);
}

function bodyOf(more: Partial<InferenceRequest>, model?: string): JsonObject {
  const encoded = encode(more, model);
  if (encoded.kind === 'refusal') throw new Error(encoded.reason);
  return encoded.body;
}

test('a minimal request', () => {
  expect(encode({}, NEW, true)).toEqual({
    kind: 'request',
    body: {
      model: NEW,
      max_tokens: 128_000,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }],
      stream: true,
    },
    dropped: [],
  });
});

describe('members', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 1 } } };
  const strictSchema = {
    type: 'object',
    properties: { n: { type: 'integer', description: 'Constraints: {"minimum":1}' } },
    additionalProperties: false,
  };
  const wireTool = { name: 'f', description: 'd', input_schema: { type: 'object', properties: {} } };

  test.each<[string, Partial<InferenceRequest>, object, RequestField[], string?]>([
    ['max_tokens', { maxOutputTokens: 7 }, { max_tokens: 7 }, []],
    ['max_tokens beyond the model', { maxOutputTokens: 7e6 }, { max_tokens: 64_000 }, ['maxOutputTokens'], OLD],
    ['max_tokens of an unknown model', {}, { max_tokens: 4_096 }, [], 'kimi-k3'],
    ['stop', { stop: ['a', ' \n'] }, { stop_sequences: ['a'] }, ['stop']],
    ['a user', { endUser: 'u' }, { metadata: { user_id: 'u' } }, []],
    ['the tier auto', { serviceTier: 'auto' }, { service_tier: 'auto' }, []],
    ['the tier default', { serviceTier: 'default' }, { service_tier: 'standard_only' }, []],
    ['a tier that Anthropic has not', { serviceTier: 'flex' }, {}, ['serviceTier']],
    ['temperature of an older model', { sampling: { temperature: 0.5 } }, { temperature: 0.5 }, [], OLD],
    ['temperature above the scale', { sampling: { temperature: 1.5 } }, { temperature: 1 }, ['temperature'], OLD],
    ['temperature and top_p', { sampling: { temperature: 1, topP: 0.5 } }, { temperature: 1 }, ['topP'], OLD],
    ['top_p and top_k', { sampling: { topP: 0.5, topK: 3 } }, { top_p: 0.5, top_k: 3 }, [], OLD],
    ['sampling of a newer model', { sampling: { temperature: 1, topK: 3 } }, {}, ['temperature', 'topK']],
    [
      'sampling while thinking',
      { sampling: { temperature: 0, topK: 3 }, reasoning: { budgetTokens: 2_000 } },
      { thinking: { type: 'enabled', budget_tokens: 2_000 } },
      ['temperature', 'topK'],
      OLD,
    ],
    [
      'what there is no word for',
      {
        sampling: { seed: 1, presencePenalty: 1, frequencyPenalty: 1 },
        verbosity: 'low',
        logProbabilities: 0,
        logitBias: {},
        metadata: {},
      },
      {},
      ['seed', 'presencePenalty', 'frequencyPenalty', 'verbosity', 'logProbabilities', 'logitBias', 'metadata'],
    ],
    ['a tool', { tools: [tool] }, { tools: [wireTool] }, []],
    [
      'a tool without parameters',
      { tools: [{ kind: 'function', name: 'f' }] },
      { tools: [{ name: 'f', input_schema: { type: 'object', properties: {} } }] },
      [],
    ],
    [
      'a strict tool',
      { tools: [{ kind: 'function', name: 'f', parameters: schema, isStrict: true }] },
      { tools: [{ name: 'f', input_schema: strictSchema, strict: true }] },
      [],
    ],
    [
      'a strict tool whose schema cannot be held to',
      {
        tools: [
          { kind: 'function', name: 'f', parameters: { type: 'object', additionalProperties: {} }, isStrict: true },
        ],
      },
      { tools: [{ name: 'f', input_schema: { type: 'object', properties: {}, additionalProperties: {} } }] },
      ['strict'],
    ],
    [
      'a custom tool',
      { tools: [{ kind: 'custom', name: 'f', description: 'd', format: { type: 'grammar' } }] },
      {
        tools: [
          {
            name: 'f',
            description: 'd\nThe input has this format: {"type":"grammar"}',
            input_schema: {
              type: 'object',
              properties: { input: { type: 'string' } },
              required: ['input'],
              additionalProperties: false,
            },
          },
        ],
      },
      [],
    ],
    ['web search', { webSearch: {} }, { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, []],
    [
      'choice auto',
      { tools: [tool], toolChoice: { kind: 'auto' } },
      { tools: [wireTool], tool_choice: { type: 'auto' } },
      [],
    ],
    [
      'choice none',
      { tools: [tool], toolChoice: { kind: 'none' } },
      { tools: [wireTool], tool_choice: { type: 'none' } },
      [],
    ],
    [
      'choice required',
      { tools: [tool], toolChoice: { kind: 'required' } },
      { tools: [wireTool], tool_choice: { type: 'any' } },
      [],
    ],
    ['a choice without tools', { toolChoice: { kind: 'auto' } }, {}, []],
    [
      'choice of some tools',
      {
        tools: [tool, { ...tool, name: 'g' }],
        toolChoice: { kind: 'allowed', tools: [{ name: 'f' }], isRequired: true },
      },
      { tools: [wireTool], tool_choice: { type: 'any' } },
      [],
    ],
    [
      'one call at a time',
      { tools: [tool], allowsParallelToolCalls: false },
      { tools: [wireTool], tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
      [],
    ],
    [
      'an answer to a schema',
      { output: { kind: 'json-schema', schema } },
      { output_config: { format: { type: 'json_schema', schema: strictSchema } } },
      [],
    ],
    ['an answer in JSON', { output: { kind: 'json' } }, { system: expect.stringContaining('JSON object') }, []],
    ['an answer in text', { output: { kind: 'text' } }, {}, []],
    [
      'an answer to a schema that cannot be held to, but need not be',
      { output: { kind: 'json-schema', schema: { type: 'object', additionalProperties: {} } } },
      { system: expect.stringContaining('"additionalProperties":{}') },
      ['output'],
    ],
    [
      'an answer to a schema by an old model',
      { output: { kind: 'json-schema', schema, isStrict: true } },
      {
        tools: [{ name: 'sluice_json_answer', description: 'Gives the answer.', input_schema: schema }],
        tool_choice: { type: 'tool', name: 'sluice_json_answer' },
        max_tokens: 32_000,
      },
      [],
      'claude-opus-4-20250514',
    ],
  ])('%s', (_name, more, members, dropped, model = NEW) => {
    const encoded = encode(more, model);
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }];
    const body = { model, max_tokens: model === OLD ? 64_000 : 128_000, messages, ...members };
    // What the codec has to read is compared in the form of its answers.
    expect(encoded).toMatchObject({ kind: 'request', dropped });
    expect('body' in encoded && encoded.body).toEqual(body);
  });
});

describe('thinking', () => {
  const plan = (reasoning: object, model: string, more: Partial<InferenceRequest> = {}) => {
    const encoded = encode({ reasoning, maxOutputTokens: 10_000, ...more }, model);
    if (encoded.kind === 'refusal') throw new Error(encoded.reason);
    const { thinking, output_config: config, max_tokens: maxTokens } = encoded.body;
    return { thinking, config, maxTokens, dropped: encoded.dropped };
  };
  const adaptive = { type: 'adaptive' };
  const budget = (tokens: number) => ({ type: 'enabled', budget_tokens: tokens });

  test.each<[string, object, string, object | undefined, string | undefined, RequestField[]]>([
    ['an effort', { effort: 'high' }, NEW, adaptive, 'high', []],
    ['the least effort', { effort: 'minimal' }, NEW, adaptive, 'low', []],
    [
      'an effort that only newer models have',
      { effort: 'xhigh' },
      'claude-sonnet-4-6',
      adaptive,
      'high',
      ['reasoning'],
    ],
    ['an effort that nobody knows', { effort: 'ultra' }, NEW, adaptive, undefined, ['reasoning']],
    ['an effort as a budget', { effort: 'low' }, OLD, budget(1_024), undefined, []],
    ['a higher effort as a budget', { effort: 'high' }, OLD, budget(6_000), undefined, []],
    ['an effort beside a budget', { effort: 'medium' }, 'claude-opus-4-5', budget(3_000), 'medium', []],
    ['a budget', { budgetTokens: 2_000 }, OLD, budget(2_000), undefined, []],
    ['a budget that is too small', { budgetTokens: 10 }, OLD, budget(1_024), undefined, []],
    ['a budget for a model that takes none', { budgetTokens: 2_500 }, NEW, adaptive, 'medium', []],
    ['a budget for a model that takes both', { budgetTokens: 2_500 }, 'claude-opus-4-6', budget(2_500), 'medium', []],
    ['to be shown', { isShown: true }, NEW, { ...adaptive, display: 'summarized' }, undefined, []],
    ['to be hidden', { effort: 'low', isShown: false }, NEW, { ...adaptive, display: 'omitted' }, 'low', []],
    ['to be shown, but not to think', { isShown: true }, OLD, undefined, undefined, ['reasoning']],
    ['to be hidden, where none comes unasked', { isShown: false }, 'claude-opus-4-7', undefined, undefined, []],
    ['none', { effort: 'none' }, NEW, { type: 'disabled' }, undefined, []],
    ['none of a model that does not think by itself', { effort: 'none' }, OLD, undefined, undefined, []],
    ['a budget of nothing', { budgetTokens: 0 }, NEW, { type: 'disabled' }, undefined, []],
    ['none of a model that always thinks', { effort: 'none' }, 'claude-opus-5-5', undefined, 'low', ['reasoning']],
    [
      'none of Sonnet 5.5',
      { effort: 'none' },
      'claude-sonnet-5-5',
      { type: 'between_tools' },
      undefined,
      ['reasoning'],
    ],
  ])('%s', (_name, reasoning, model, thinking, effort, dropped) => {
    const config = effort === undefined ? undefined : { effort };
    expect(plan(reasoning, model)).toEqual({ thinking, config, maxTokens: 10_000, dropped });
  });

  test('a limit without room for thinking is raised above it', () => {
    expect(plan({ effort: 'high' }, OLD, { maxOutputTokens: 100 })).toMatchObject({
      thinking: budget(1_024),
      maxTokens: 1_124,
      dropped: ['maxOutputTokens'],
    });
    expect(plan({ budgetTokens: 90_000 }, OLD)).toMatchObject({ thinking: budget(63_999), maxTokens: 64_000 });
  });

  test('a forced tool takes precedence over thinking with a budget', () => {
    const forced = { tools: [tool], toolChoice: { kind: 'required' as const } };
    expect(plan({ effort: 'high' }, OLD, forced)).toMatchObject({ thinking: undefined, dropped: ['reasoning'] });
    expect(plan({ effort: 'high' }, NEW, forced)).toMatchObject({ thinking: adaptive, dropped: [] });
  });

  describe('after a call without its thought', () => {
    const thought: Part = { kind: 'reasoning', text: 'Hm.', signature: { origin: 'anthropic-messages', value: 's' } };
    const round = (...parts: Part[]) => ({
      turns: [user(text('Hi')), assistant(...parts, call('1')), user(result('1'))],
    });
    test.each<[string, object, string, object | undefined, string[]]>([
      ['thinks adaptively', { effort: 'high' }, NEW, adaptive, []],
      ['thinks adaptively', { effort: 'high' }, 'claude-opus-4-6', adaptive, []],
      ['thinks adaptively instead of by a budget', { budgetTokens: 2_048 }, 'claude-opus-4-6', adaptive, []],
      ['does not think', { budgetTokens: 2_048 }, OLD, undefined, ['reasoning']],
      ['does not think', { effort: 'high' }, 'claude-opus-4-5', undefined, ['reasoning']],
      ['thinks between tools', { effort: 'none' }, 'claude-sonnet-5-5', { type: 'between_tools' }, ['reasoning']],
    ])('%s (%j, %s)', (_name, reasoning, model, thinking, dropped) => {
      expect(plan(reasoning, model, round())).toMatchObject({ thinking, dropped });
    });

    test('a budget is kept if the thought is there', () => {
      const enabled = { type: 'enabled', budget_tokens: 2_048 };
      expect(plan({ budgetTokens: 2_048 }, OLD, round(thought))).toMatchObject({ thinking: enabled, dropped: [] });
      expect(plan({ budgetTokens: 2_048 }, 'claude-opus-4-6', round(thought))).toMatchObject({ thinking: enabled });
    });
  });
});

describe('parts', () => {
  const contentOf = (part: Part) => {
    const messages = bodyOf({ turns: [user(part)] }).messages as { content: JsonObject[] }[];
    return messages[0]!.content;
  };
  const image = (mediaType: string): Part => ({ kind: 'image', source: { kind: 'base64', mediaType, data: 'AA==' } });
  const file = (mediaType: string, data: string): Part => ({
    kind: 'document',
    source: { kind: 'base64', mediaType, data },
    filename: 'n',
  });
  const thought = (origin: 'anthropic-messages' | 'gemini-generate-content', more = {}): Part => ({
    kind: 'reasoning',
    text: 'Hm.',
    signature: { origin, value: 's' },
    ...more,
  });

  test.each<[string, Part, object[]]>([
    [
      'an image in base64',
      image('image/jpg'),
      [{ type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AA==' } }],
    ],
    [
      'an image by its address',
      { kind: 'image', source: { kind: 'url', url: 'https://a' }, detail: 'low' },
      [{ type: 'image', source: { type: 'url', url: 'https://a' } }],
    ],
    [
      'a file of Anthropic',
      { kind: 'image', source: { kind: 'file-id', id: 'file_1' } },
      [{ type: 'image', source: { type: 'file', file_id: 'file_1' } }],
    ],
    [
      'a PDF',
      file('application/pdf', 'AA=='),
      [{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'AA==' }, title: 'n' }],
    ],
    [
      'a text file',
      file('text/csv', Buffer.from('a,b').toString('base64')),
      [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a,b' }, title: 'n' }],
    ],
    [
      'a text document',
      { kind: 'document', source: { kind: 'text', text: 'x' } },
      [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } }],
    ],
    [
      'a breakpoint of the cache',
      { kind: 'text', text: 'x', cacheBreakpoint: {} },
      [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } }],
    ],
    [
      'a breakpoint that lasts',
      { kind: 'text', text: 'x', cacheBreakpoint: { ttlSeconds: 1_800 } },
      [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }],
    ],
  ])('%s', (_name, part, content) => {
    expect(contentOf(part)).toEqual(content);
  });

  test.each<[string, Part, object[]]>([
    ['an empty text', text(''), []],
    ['a refusal', { kind: 'refusal', text: 'No.' }, [{ type: 'text', text: 'No.' }]],
    ['a thought of its own', thought('anthropic-messages'), [{ type: 'thinking', thinking: 'Hm.', signature: 's' }]],
    [
      'a redacted thought',
      thought('anthropic-messages', { isRedacted: true }),
      [{ type: 'redacted_thinking', data: 's' }],
    ],
    ['a thought of another provider', thought('gemini-generate-content'), []],
    ['a thought that nobody signed', { kind: 'reasoning', text: 'Hm.' }, []],
    ['a call without arguments', call('2', { arguments: '' }), [{ type: 'tool_use', id: '2', name: 'f', input: {} }]],
    [
      'a call with nonsense',
      call('2', { arguments: '{"a' }),
      [{ type: 'tool_use', id: '2', name: 'f', input: { input: '{"a' } }],
    ],
    [
      'a call of a custom tool',
      call('2', {
        arguments: 'print(1)',
        isCustom: true,
        signature: { origin: 'gemini-generate-content', value: 's' },
      }),
      [{ type: 'tool_use', id: '2', name: 'f', input: { input: 'print(1)' } }],
    ],
  ])('of the assistant: %s', (_name, part, content) => {
    const answers = part.kind === 'tool-call' ? [user(result('1'), result('2'))] : [user(result('1'))];
    const turns = [user(text('Hi')), assistant(part, call('1')), ...answers];
    const messages = bodyOf({ turns }).messages as { content: JsonObject[] }[];
    expect(messages[1]!.content.slice(0, -1)).toEqual(content);
  });
});

describe('turns', () => {
  test('images by another provider’s model are moved to a user message', () => {
    const image: Part = { kind: 'image', source: { kind: 'url', url: 'https://a' } };
    const turns = [user(text('a')), assistant(text('b'), image, call('1')), user(result('1')), assistant(image)];
    expect(bodyOf({ turns }).messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ type: 'text' }, { type: 'tool_use' }] },
      {
        role: 'user',
        content: [{ type: 'tool_result' }, { text: 'Made by the assistant:' }, { type: 'image' }, {}, {}],
      },
    ]);
  });

  const wire = (turns: Turn[], model = NEW) => {
    const { system, messages } = bodyOf({ turns }, model);
    return {
      system,
      messages: (messages as { role: string; content: JsonObject[] }[]).map(({ role, content }) => [
        role,
        ...content.map(say),
      ]),
    };
  };
  const say = ({ type, text: words, id, tool_use_id: callId }: JsonObject) => words ?? `${type} ${id ?? callId}`;
  const system = (value: string): Turn => ({ role: 'system', parts: [text(value)] });

  test('consecutive messages of a role are one turn', () => {
    expect(
      wire([user(text('a')), user(text('b')), assistant(text('c')), assistant(text('d')), user(text('e'))]),
    ).toEqual({
      system: undefined,
      messages: [
        ['user', 'a', 'b'],
        ['assistant', 'c', 'd'],
        ['user', 'e'],
      ],
    });
  });

  test('tool results come first', () => {
    expect(
      wire([user(text('a')), assistant(call('1'), call('2')), user(text('b'), result('2')), user(result('1'))])
        .messages[2],
    ).toEqual(['user', 'tool_result 2', 'tool_result 1', 'b']);
  });

  test('texts without visible characters are left out', () => {
    expect(
      wire([system(' '), user(text('a')), assistant(text('\n\n'), call('1')), user(result('1'), text('\t'))]),
    ).toEqual({
      system: undefined,
      messages: [
        ['user', 'a'],
        ['assistant', 'tool_use 1'],
        ['user', 'tool_result 1'],
      ],
    });
  });

  test('trailing white space is removed if the model continues the text', () => {
    const { messages } = wire([user(text('a')), assistant(text('b \n'))], OLD);
    expect(messages.at(-1)).toEqual(['assistant', 'b']);
  });

  test('repeated ids are made unique', () => {
    const round = [assistant(call('f_0')), user(result('f_0'))];
    expect(wire([user(text('a')), ...round, ...round]).messages.slice(1)).toEqual([
      ['assistant', 'tool_use f_0'],
      ['user', 'tool_result f_0'],
      ['assistant', 'tool_use f_0-2'],
      ['user', 'tool_result f_0-2'],
    ]);
  });

  test('two calls of one id are answered in order', () => {
    expect(
      wire([user(text('a')), assistant(call('1'), call('1')), user(result('1'), result('1'))]).messages.slice(1),
    ).toEqual([
      ['assistant', 'tool_use 1', 'tool_use 1-2'],
      ['user', 'tool_result 1', 'tool_result 1-2'],
    ]);
  });

  test('system and developer messages are moved to the system prompt, in order', () => {
    const turns: Turn[] = [
      system('S'),
      { role: 'developer', parts: [text('D')] },
      user(text('a')),
      system('later'),
      user(text('b')),
    ];
    expect(wire(turns)).toEqual({
      system: ['S', 'D', 'later'].map((words) => ({ type: 'text', text: words })),
      messages: [['user', 'a', 'b']],
    });
  });

  test('one system text is a string', () => {
    expect(wire([system('S'), user(text('a'))]).system).toBe('S');
  });

  test('newer models get a system message in its place, if that place is allowed', () => {
    const turns = [user(text('a')), system('now'), assistant(text('b')), user(text('c')), system('end')];
    expect(wire(turns, 'claude-opus-4-8').messages.map(([role]) => role)).toEqual([
      'user',
      'system',
      'assistant',
      'user',
      'system',
    ]);
    expect(wire(turns, OLD)).toMatchObject({
      messages: [
        ['user', 'a'],
        ['assistant', 'b'],
        ['user', 'c'],
      ],
    });
  });

  test('a system message alone becomes a user message', () => {
    expect(wire([system('Write a poem.')])).toEqual({ system: undefined, messages: [['user', 'Write a poem.']] });
  });

  test('an older model continues the assistant’s text, without thinking', () => {
    const turns = [user(text('a')), assistant(text('b'))];
    expect(wire(turns, OLD).messages[1]).toEqual(['assistant', 'b']);
    expect(encode({ turns, reasoning: { effort: 'high' } }, OLD)).toMatchObject({ dropped: ['reasoning'] });
  });

  test('of many breakpoints the last four are kept', () => {
    const marked = Array.from({ length: 6 }, (_, n): Part => ({ kind: 'text', text: String(n), cacheBreakpoint: {} }));
    const messages = bodyOf({ turns: [user(...marked)] }).messages as { content: JsonObject[] }[];
    expect(messages[0]!.content.map((block) => block.cache_control !== undefined)).toEqual([
      false,
      false,
      true,
      true,
      true,
      true,
    ]);
  });
});

describe('fields that would change the answer are refused', () => {
  const image: Part = { kind: 'image', source: { kind: 'base64', mediaType: 'image/tiff', data: 'A' } };
  const strict = (schema: JsonObject) => ({ output: { kind: 'json-schema' as const, schema, isStrict: true } });
  const forced = { tools: [tool], toolChoice: { kind: 'required' as const } };

  test.each<[string, Partial<InferenceRequest>, RequestField, string?]>([
    ['several answers', { choices: 2 }, 'choices'],
    ['audio output', { modalities: ['text', 'audio'] }, 'modalities'],
    ['audio input', { turns: [user({ kind: 'audio', format: 'wav', data: 'A' })] }, 'messages'],
    ['an image of another kind', { turns: [user(image)] }, 'messages'],
    [
      'a document of another kind',
      { turns: [user({ kind: 'document', source: { kind: 'base64', mediaType: 'application/zip', data: 'A' } })] },
      'messages',
    ],
    [
      'a file of another provider',
      { turns: [user({ kind: 'image', source: { kind: 'file-id', id: 'file-1' } })] },
      'messages',
    ],
    ['a result without a call', { turns: [user(result('1'))] }, 'messages'],
    ['a call without a result', { turns: [user(text('a')), assistant(call('1')), user(text('b'))] }, 'messages'],
    ['a call at the end', { turns: [user(text('a')), assistant(call('1'))] }, 'messages', OLD],
    ['a closing assistant', { turns: [user(text('a')), assistant(text('b'))] }, 'messages'],
    ['nothing to say', { turns: [user(text(''))] }, 'messages'],
    ['nothing that shows', { turns: [user(text(' \n'))] }, 'messages'],
    ['a forced tool of a model that cannot be forced', forced, 'toolChoice', 'claude-opus-5-5'],
    ['a forced tool of none', { toolChoice: { kind: 'required' } }, 'toolChoice'],
    ['a strict map', strict({ type: 'object', additionalProperties: { type: 'string' } }), 'output'],
    [
      'a strict schema beside a web search of an old model',
      { ...strict({ type: 'object', properties: {} }), webSearch: {} },
      'output',
      'claude-3-5-sonnet-20241022',
    ],
  ])('%s', (_name, more, field, model) => {
    expect(encode(more, model)).toEqual({ kind: 'refusal', field, reason: expect.any(String) });
  });
});

describe('a schema together with tools, for a model without structured outputs', () => {
  const OLDEST = 'claude-3-5-sonnet-20241022';
  const schema = { type: 'object', properties: { n: { type: 'integer' } } };
  const output = { kind: 'json-schema' as const, schema, isStrict: true };
  const toolsOf = (more: Partial<InferenceRequest>) => {
    const { tools, tool_choice: choice, output_config: config } = bodyOf({ tools: [tool], output, ...more }, OLDEST);
    return { names: (tools as { name: string }[]).map(({ name }) => name), choice, config };
  };

  test('becomes one more tool; the model must call one of them', () => {
    expect(toolsOf({})).toEqual({ names: ['f', 'sluice_json_answer'], choice: { type: 'any' }, config: undefined });
    expect(encode({ tools: [tool], output }, OLDEST)).toMatchObject({ isReshaped: true });
  });

  test('keeps the ban on parallel calls', () => {
    const choice = { type: 'any', disable_parallel_tool_use: true };
    expect(toolsOf({ allowsParallelToolCalls: false })).toMatchObject({ choice });
  });

  test('leaves only the answering tool if none may be called', () => {
    const choice = { type: 'tool', name: 'sluice_json_answer' };
    expect(toolsOf({ toolChoice: { kind: 'none' } })).toMatchObject({ names: ['sluice_json_answer'], choice });
  });

  test('is not added if one of the client’s tools must be called', () => {
    expect(toolsOf({ toolChoice: { kind: 'required' } })).toMatchObject({ names: ['f'], choice: { type: 'any' } });
  });
});
