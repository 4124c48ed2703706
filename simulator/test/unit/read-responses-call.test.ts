import { describe, expect, test } from 'vitest';
import type { RequestHead } from '../../src/dialects/dialect.ts';
import { readChatCall } from '../../src/dialects/openai-chat/read-call.ts';
import { readResponsesCall } from '../../src/dialects/openai-responses/read-call.ts';
import { sealReasoning } from '../../src/dialects/openai-responses/sealed-reasoning.ts';
import { RefusalError } from '../../src/engine/refusal.ts';

const head: RequestHead = { method: 'POST', path: '/v1/responses', query: '', headers: {} };
const vendor = { name: 'primary', seed: 0 };
const weather = { type: 'function', name: 'get_weather', parameters: { type: 'object' } };
const runQuery = { type: 'custom', name: 'run_query' };
const image = { type: 'input_image', image_url: 'data:image/png;base64,AAAA' };

const readBody = (body: unknown) => readResponsesCall(body, head, vendor).call;
const read = (more: object) => readBody({ model: 'gpt-4o', input: 'hello', ...more });
const readItems = (...input: object[]) => read({ input });

function refusalOf(body: unknown) {
  try {
    readBody(body);
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal;
    throw error;
  }
  return null;
}

const user = { role: 'user', content: 'weather' };
const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'get_weather', arguments: '{"city":"Ulm"}' };
const output = { type: 'function_call_output', call_id: 'call_1', output: 'sunny' };
const thought = (providerName = 'primary') => ({
  type: 'reasoning',
  id: 'rs_1',
  summary: [],
  encrypted_content: sealReasoning('let me see', providerName, 'done'),
});

describe('a conversation', () => {
  const chat = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'weather' },
    {
      role: 'assistant',
      content: 'I look.',
      tool_calls: [{ id: 'x', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Ulm"}' } }],
    },
    { role: 'tool', tool_call_id: 'x', content: 'sunny' },
    { role: 'user', content: 'thanks' },
  ];

  test('is the same as in Chat Completions', () => {
    const said = { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'I look.' }] };
    const items = [user, thought(), said, call, output, { role: 'user', content: 'thanks' }];
    const { promptText } = read({ instructions: 'Be brief.', input: items });
    expect(promptText).toBe(readChatCall({ model: 'gpt-4o', messages: chat }).call.promptText);
  });

  test('has as many tokens as in Chat Completions, without calls', () => {
    const messages = chat.slice(0, 2);
    const { promptTokens } = read({ input: messages });
    expect(promptTokens).toBe(readChatCall({ model: 'gpt-4o', messages }).call.promptTokens);
    expect(read({ instructions: 'Be brief.', input: 'weather' }).promptTokens).toBe(promptTokens);
  });

  test('may be one text, or a list of messages with or without their type', () => {
    const inputs = [
      'weather',
      [user],
      [{ type: 'message', ...user }],
      [{ role: 'user', content: [{ type: 'input_text', text: 'weather' }] }],
    ];
    const calls = inputs.map((input) => read({ input }));
    for (const { promptText, lastUserText, promptTokens } of calls) {
      expect({ promptText, lastUserText, promptTokens }).toEqual({
        promptText: 'user: weather\n',
        lastUserText: 'weather',
        promptTokens: 10,
      });
    }
  });

  test('is answered with text if it ends with a result', () => {
    expect(readItems(user, call, output).endsWithToolResult).toBe(true);
    expect(readItems(user, call, output, user).endsWithToolResult).toBe(false);
  });

  test('is continued if it ends with the assistant, and is the same prompt as without that', () => {
    const continued = readItems(user, { role: 'assistant', content: 'It beg' });
    expect(continued.prefill).toBe('It beg');
    expect(continued.promptText).toBe(readItems(user).promptText);
  });

  test('counts images, files and audio', () => {
    const file = { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${'A'.repeat(372)}` };
    const audio = { type: 'input_audio', input_audio: { data: 'A'.repeat(400), format: 'wav' } };
    const tokens = (...parts: object[]) => readItems({ role: 'user', content: parts }).promptTokens;
    expect(tokens(image)).toBe(808);
    expect(tokens(file)).toBe(18);
    expect(tokens(audio)).toBe(18);
  });
});

describe('parameters', () => {
  test('are read if the engine needs them', () => {
    expect(
      read({
        stream: true,
        max_output_tokens: 16,
        tools: [weather, runQuery, { type: 'web_search' }],
        tool_choice: { type: 'custom', name: 'run_query' },
        parallel_tool_calls: false,
        text: { format: { type: 'json_schema', name: 'x', schema: { const: 1 } } },
        reasoning: { effort: 'low', summary: 'auto' },
      }),
    ).toMatchObject({
      isStream: true,
      maxOutputTokens: 16,
      choices: 1,
      tools: [
        { name: 'get_weather', takesText: false },
        { name: 'run_query', takesText: true },
      ],
      toolChoice: { mode: 'required', allowed: ['run_query'] },
      isToolUseParallel: false,
      format: { kind: 'schema', schema: { const: 1 } },
      reasoningTokens: 8,
      showsReasoning: true,
    });
  });

  test.each([
    ['auto', { mode: 'auto', allowed: null }],
    ['none', { mode: 'none', allowed: null }],
    ['required', { mode: 'required', allowed: null }],
    [
      { type: 'function', name: 'get_weather' },
      { mode: 'required', allowed: ['get_weather'] },
    ],
    [
      { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'get_weather' }] },
      { mode: 'auto', allowed: ['get_weather'] },
    ],
    [{ type: 'web_search' }, { mode: 'auto', allowed: [] }],
  ])('the tool choice %j', (choice, expected) => {
    expect(read({ tools: [weather, { type: 'web_search' }], tool_choice: choice }).toolChoice).toEqual(expected);
  });

  test.each([
    ['gpt-4o', {}, 0],
    ['gpt-5', {}, 16],
    ['openai/o4-mini', {}, 16],
    ['gpt-5-chat-latest', {}, 0],
    ['gpt-5.4-nano', { reasoning: { effort: 'none' } }, 0],
    ['gpt-5', { reasoning: { effort: 'max' } }, 64],
    ['gpt-4o', { reasoning: { summary: 'concise' } }, 16],
    ['gpt-4o', { include: ['reasoning.encrypted_content'] }, 16],
    ['gpt-4o', { include: ['message.output_text.logprobs'] }, 0],
  ])('%s with %j thinks for the right length', (model, more, tokens) => {
    expect(read({ model, ...more }).reasoningTokens).toBe(tokens);
  });
});

describe('references between items', () => {
  test('consistent items are accepted', () => {
    const custom = { type: 'custom_tool_call', id: 'ctc_1', call_id: 'call_2', name: 'run_query', input: 'all' };
    const answer = { type: 'custom_tool_call_output', call_id: 'call_2', output: [{ type: 'input_text', text: '3' }] };
    const hosted = { type: 'web_search_call', id: 'ws_1', status: 'completed' };
    expect(() => readItems(user, thought(), call, custom, output, answer, thought(), hosted)).not.toThrow();
  });

  test.each([
    ['a result without its call', [user, output], 'No tool call found for function call output with call_id call_1.'],
    ['a result before its call', [output, call], 'No tool call found for function call output with call_id call_1.'],
    ['a call without its result', [user, call], 'No tool output found for function call call_1.'],
    [
      'a thought without what followed',
      [user, thought()],
      "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ],
    [
      'a thought before a person’s words',
      [thought(), user],
      "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ],
  ])('%s is refused', (_, input, message) => {
    expect(refusalOf({ model: 'm', input })).toEqual({ kind: 'invalid', message, param: 'input', code: null });
  });

  test.each([
    ['altered', { ...thought(), encrypted_content: thought().encrypted_content.replace(/.$/, '!') }],
    ['cut short', { ...thought(), encrypted_content: thought().encrypted_content.slice(0, 32) }],
    ['of another provider', thought('secondary')],
    ['made up', { ...thought(), encrypted_content: 'c2lnbmF0dXJl' }],
  ])('an encrypted thought that is %s is refused', (_, item) => {
    expect(refusalOf({ model: 'm', input: [user, item, call, output] })).toMatchObject({
      message: expect.stringMatching(/^The encrypted content \S{4}\.\.\.\S{4} could not be verified\./),
      param: null,
      code: 'invalid_encrypted_content',
    });
  });

  test.each([
    ['a reference', { type: 'item_reference', id: 'msg_1' }, 'msg_1'],
    ['a reference without its type', { id: 'msg_1' }, 'msg_1'],
    ['a thought by its id alone', { ...thought(), encrypted_content: null }, 'rs_1'],
  ])('%s is not found', (_, item, id) => {
    expect(refusalOf({ model: 'm', input: [user, item] })).toMatchObject({
      message: expect.stringContaining(`Item with id '${id}' not found.`),
      param: 'input',
      status: 404,
    });
  });
});

describe('what the provider refuses', () => {
  const says = (...content: object[]) => ({ model: 'm', input: [{ role: 'user', content }] });
  const at = 'input[0].content[0]';

  test.each([
    ['a body that is no object', [], null, null],
    ['no model', { input: 'x' }, 'model', 'missing_required_parameter'],
    ['nothing to answer to', { model: 'm' }, 'input', 'missing_required_parameter'],
    ['an input that is a number', { model: 'm', input: 4 }, 'input', 'invalid_type'],
    ['an unknown item', { model: 'm', input: [{ type: 'letter' }] }, 'input[0]', 'invalid_value'],
    [
      'a message without a role',
      { model: 'm', input: [{ content: 'x' }] },
      'input[0].role',
      'missing_required_parameter',
    ],
    ['Chat’s tool role', { model: 'm', input: [{ role: 'tool', content: 'x' }] }, 'input[0].role', 'invalid_value'],
    ['Chat’s text part', says({ type: 'text', text: 'x' }), at, 'invalid_value'],
    ['an answer’s text in a question', says({ type: 'output_text', text: 'x' }), at, 'invalid_value'],
    [
      'a question’s text in an answer',
      { model: 'm', input: [{ role: 'assistant', content: [{ type: 'input_text', text: 'x' }] }] },
      at,
      'invalid_value',
    ],
    [
      'Chat’s image',
      says({ type: 'input_image', image_url: { url: 'https://x/y.png' } }),
      `${at}.image_url`,
      'invalid_type',
    ],
    ['an image without bytes', says({ type: 'input_image' }), `${at}.image_url`, 'missing_required_parameter'],
    [
      'bare bytes for an image',
      says({ type: 'input_image', image_url: 'iVBORw0' }),
      `${at}.image_url`,
      'invalid_value',
    ],
    ['an unknown detail', says({ ...image, detail: 'tiny' }), `${at}.detail`, 'invalid_value'],
    [
      'a file without bytes',
      says({ type: 'input_file', filename: 'a' }),
      `${at}.file_id`,
      'missing_required_parameter',
    ],
    [
      'bare bytes for a file',
      says({ type: 'input_file', filename: 'a', file_data: 'JVBE' }),
      `${at}.file_data`,
      'invalid_value',
    ],
    [
      'a file without a name',
      says({ type: 'input_file', file_data: 'data:application/pdf;base64,JVBE' }),
      `${at}.filename`,
      'missing_required_parameter',
    ],
    [
      'sound of another kind',
      says({ type: 'input_audio', input_audio: { data: 'A', format: 'ogg' } }),
      `${at}.input_audio.format`,
      'invalid_value',
    ],
    [
      'a call’s id for the item’s',
      { model: 'm', input: [{ ...call, id: 'call_1' }, output] },
      'input[0].id',
      'invalid_value',
    ],
    [
      'Chat’s id for a message',
      { model: 'm', input: [{ role: 'assistant', id: 'chatcmpl-1', content: 'x' }] },
      'input[0].id',
      'invalid_value',
    ],
    [
      'arguments that are no text',
      { model: 'm', input: [{ ...call, arguments: {} }, output] },
      'input[0].arguments',
      'invalid_type',
    ],
    [
      'a result without a body',
      { model: 'm', input: [call, { ...output, output: undefined }] },
      'input[1].output',
      'missing_required_parameter',
    ],
    ['Chat’s messages', { model: 'm', messages: [] }, 'messages', 'unsupported_parameter'],
    ['Chat’s limit', { model: 'm', input: 'x', max_tokens: 50 }, 'max_tokens', 'unsupported_parameter'],
    [
      'Chat’s format',
      { model: 'm', input: 'x', response_format: { type: 'text' } },
      'response_format',
      'unsupported_parameter',
    ],
    ['Chat’s stop', { model: 'm', input: 'x', stop: 'y' }, 'stop', 'unknown_parameter'],
    [
      'Chat’s usage in a stream',
      { model: 'm', input: 'x', stream: true, stream_options: { include_usage: true } },
      'stream_options.include_usage',
      'unknown_parameter',
    ],
    ['stream options without a stream', { model: 'm', input: 'x', stream_options: {} }, 'stream_options', null],
    [
      'fewer than 16 tokens',
      { model: 'm', input: 'x', max_output_tokens: 15 },
      'max_output_tokens',
      'integer_below_min_value',
    ],
    [
      'Chat’s nested tool',
      { model: 'm', input: 'x', tools: [{ type: 'function', function: weather }] },
      'tools[0].name',
      'missing_required_parameter',
    ],
    ['an unknown tool', { model: 'm', input: 'x', tools: [{ type: 'hammer' }] }, 'tools[0].type', 'invalid_value'],
    ['a forced tool without tools', { model: 'm', input: 'x', tool_choice: 'required' }, 'tool_choice', null],
    [
      'Chat’s nested choice',
      {
        model: 'm',
        input: 'x',
        tools: [weather],
        tool_choice: { type: 'function', function: { name: 'get_weather' } },
      },
      'tool_choice.name',
      'missing_required_parameter',
    ],
    [
      'a choice that is not there',
      { model: 'm', input: 'x', tools: [weather], tool_choice: { type: 'function', name: 'other' } },
      'tool_choice',
      null,
    ],
    [
      'Chat’s nested schema',
      { model: 'm', input: 'x', text: { format: { type: 'json_schema', json_schema: { name: 'x', schema: {} } } } },
      'text.format.name',
      'missing_required_parameter',
    ],
    [
      'an unknown format',
      { model: 'm', input: 'x', text: { format: { type: 'xml' } } },
      'text.format.type',
      'invalid_value',
    ],
    [
      'an unknown effort',
      { model: 'm', input: 'x', reasoning: { effort: 'huge' } },
      'reasoning.effort',
      'invalid_value',
    ],
    ['an unknown inclusion', { model: 'm', input: 'x', include: ['all'] }, 'include[0]', 'invalid_value'],
    [
      'an earlier response',
      { model: 'm', input: 'x', previous_response_id: 'resp_1' },
      'previous_response_id',
      'previous_response_not_found',
    ],
    ['a conversation', { model: 'm', input: 'x', conversation: { id: 'conv_1' } }, 'conversation', null],
    [
      'both of them',
      { model: 'm', input: 'x', conversation: 'conv_1', previous_response_id: 'resp_1' },
      null,
      'mutually_exclusive_parameters',
    ],
    ['work in the background', { model: 'm', input: 'x', background: true }, 'background', 'unsupported_parameter'],
    ['a stored prompt', { model: 'm', prompt: { id: 'pmpt_1' } }, 'prompt', null],
  ])('%s', (_, body, param, code) => {
    expect(refusalOf(body)).toMatchObject({ kind: 'invalid', message: expect.stringMatching(/.{10}/), param, code });
  });
});
