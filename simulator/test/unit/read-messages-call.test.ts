import { describe, expect, test } from 'vitest';
import { readMessagesCall } from '../../src/dialects/anthropic-messages/read-call.ts';
import { complaintOf } from './refusal-of.ts';

const OLD = '2023-06-01';
const NEW = '2026-10-21';
const hello = { role: 'user', content: 'hello' };
const weather = { name: 'get_weather', input_schema: { type: 'object', properties: {} } };
const use = (id: string) => ({ type: 'tool_use', id, name: 'get_weather', input: { city: 'Ulm' } });
const result = (id: string, content: unknown = 'sunny') => ({ type: 'tool_result', tool_use_id: id, content });
const text = (words: string) => ({ type: 'text', text: words });
const objectSchema = { type: 'object', properties: {}, additionalProperties: false };

function read(more: object, version = OLD) {
  const body = { model: 'claude-sonnet-4-5', max_tokens: 4_096, messages: [hello], ...more };
  const head = { method: 'POST', path: '/v1/messages', query: '', headers: { 'anthropic-version': version } };
  return readMessagesCall(body, head).call;
}

const complaint = (more: object, version?: string) => complaintOf(() => read(more, version));

describe('a conversation', () => {
  test('is the same as text or blocks, in one message or several', () => {
    const whole = read({ messages: [{ role: 'user', content: 'one two' }] }).promptText;
    expect(read({ messages: [{ role: 'user', content: [text('one '), text('two')] }] }).promptText).toBe(whole);
    const parts = [
      { role: 'user', content: 'one ' },
      { role: 'user', content: 'two' },
    ];
    expect(read({ messages: parts }).promptText).toBe(whole);
  });

  test('does not depend on ids or thoughts', () => {
    const withId = (id: string) =>
      read({ messages: [hello, { role: 'assistant', content: [use(id)] }, { role: 'user', content: [result(id)] }] });
    expect(withId('a').promptText).toBe(withId('b').promptText);
    expect(withId('a').promptText).toBe('user: hello\nassistant: [get_weather {"city":"Ulm"}]\ntool: sunny\n');
  });

  test('is searched for commands in the last user message', () => {
    const messages = [
      hello,
      { role: 'assistant', content: [use('a')] },
      { role: 'user', content: [result('a', [text('sunny')])] },
    ];
    expect(read({ messages })).toMatchObject({ lastUserText: 'hello', endsWithToolResult: true });
    const spoken = [...messages.slice(0, 2), { role: 'user', content: [result('a'), text('thanks')] }];
    expect(read({ messages: spoken })).toMatchObject({ lastUserText: 'thanks', endsWithToolResult: false });
  });

  test('is continued if it ends with the assistant, and is the same prompt as without that', () => {
    const call = read({ messages: [hello, { role: 'assistant', content: 'It beg' }] });
    expect(call).toMatchObject({ prefill: 'It beg', promptText: read({}).promptText });
  });
});

describe('parameters', () => {
  test('are read if the engine needs them', () => {
    const format = { type: 'json_schema', schema: objectSchema };
    const more = {
      stream: true,
      stop_sequences: ['END'],
      tools: [weather],
      tool_choice: { type: 'any', disable_parallel_tool_use: true },
      output_config: { format },
    };
    expect(read(more)).toMatchObject({
      isStream: true,
      maxOutputTokens: 4_096,
      isOutputReserved: false,
      stop: ['END'],
      toolChoice: { mode: 'required', allowed: null },
      isToolUseParallel: false,
      format: { kind: 'schema', schema: objectSchema },
    });
  });

  test('ignore server tools', () => {
    expect(
      read({ tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: 3 }, weather] }).tools,
    ).toHaveLength(1);
  });
});

describe('prompt tokens', () => {
  test.each([
    ['text', {}, 4 + 4 + 2],
    ['a system prompt', { system: 'four' }, 4 + 4 + 4 + 3],
    [
      'an image',
      { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://x' } }] }] },
      808,
    ],
  ])('of %s', (_, more, tokens) => expect(read(more).promptTokens).toBe(tokens));
});

describe('what models refuse', () => {
  const manual = { thinking: { type: 'enabled', budget_tokens: 2_000 } };
  const adaptive = { thinking: { type: 'adaptive' } };
  const disabled = { thinking: { type: 'disabled' } };
  const prefill = { messages: [hello, { role: 'assistant', content: 'It' }] };
  const forced = { tools: [weather], tool_choice: { type: 'any' } };
  const effort = (level: string) => ({ output_config: { effort: level } });

  test.each([
    ['claude-3-5-sonnet-20241022', [{ temperature: 0.5 }, prefill, manual, forced], [adaptive, effort('low')]],
    ['claude-sonnet-4-20250514', [{ top_k: 5 }, prefill, manual], [adaptive, effort('low')]],
    ['claude-opus-4-5', [effort('low'), manual], [adaptive, effort('max')]],
    ['claude-sonnet-4-6', [{ temperature: 0.5 }, manual, adaptive, effort('max')], [prefill, effort('xhigh')]],
    ['claude-opus-4-7', [adaptive, disabled, effort('xhigh'), forced], [{ temperature: 1 }, manual, prefill]],
    ['claude-sonnet-5', [adaptive, disabled, forced], [{ top_p: 0.9 }, manual]],
    ['claude-opus-5', [disabled], [{ ...disabled, ...effort('max') }]],
    ['claude-sonnet-5-5', [{ thinking: { type: 'between_tools' } }], [disabled, forced]],
    ['claude-opus-5.5', [adaptive], [disabled, forced, { thinking: { type: 'between_tools' } }]],
    ['claude-fable-5', [adaptive, forced], [disabled, manual, { temperature: 1 }]],
    ['claude-fable-5-1', [adaptive], [forced]],
    ['anything-else', [{ temperature: 0.5 }, manual, adaptive, prefill, forced, effort('max')], []],
  ])('%s', (model, taken, refused) => {
    for (const more of taken) expect(complaint({ model, ...more }), JSON.stringify(more)).toBeNull();
    for (const more of refused) expect(complaint({ model, ...more }), JSON.stringify(more)).not.toBeNull();
  });

  test('sampling is refused in the new version, for every model', () => {
    for (const member of ['temperature', 'top_p', 'top_k']) {
      expect(complaint({ [member]: 1 }, NEW)).toBe(`${member}: Extra inputs are not permitted`);
      expect(complaint({ [member]: 1 })).toBeNull();
    }
  });
});

describe('the order of tools', () => {
  const conversation = (...messages: object[]) => ({ messages: [hello, ...messages] });
  const assistant = (...content: object[]) => ({ role: 'assistant', content });
  const user = (...content: object[]) => ({ role: 'user', content });

  test.each([
    [
      'results may come in any order, in several messages',
      [assistant(use('a'), use('b')), user(result('b')), user(result('a'))],
      null,
    ],
    ['text may follow them', [assistant(use('a')), user(result('a'), text('and?'))], null],
    [
      'a call without a result',
      [assistant(use('a'), use('b')), user(result('a'))],
      'messages.1: `tool_use` ids were found without `tool_result` blocks immediately after: b.',
    ],
    ['a call at the end', [assistant(use('a'))], 'messages.1: `tool_use` ids were found without'],
    ['text before the result', [assistant(use('a')), user(text('here'), result('a'))], 'messages.1: `tool_use` ids'],
    [
      'a result without a call',
      [assistant(text('hm')), user(result('a'))],
      'messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: a.',
    ],
    [
      'a result too late',
      [assistant(use('a')), user(result('a')), assistant(text('ok')), user(result('a'))],
      'messages.4',
    ],
    [
      'the same id again',
      [assistant(use('a')), user(result('a')), assistant(use('a')), user(result('a'))],
      'messages: `tool_use` ids must be unique',
    ],
    [
      'an id of strange characters',
      [assistant(use('call.1'))],
      'messages.1.content.0.tool_use.id: String should match',
    ],
  ])('%s', (_, messages, wanted) => {
    const words = complaint(conversation(...messages));
    expect(words).toEqual(wanted === null ? null : expect.stringContaining(wanted));
  });
});

describe('system turns', () => {
  const late = { messages: [hello, { role: 'system', content: 'Be brief.' }] };

  test('are accepted by new models, after a user message', () => {
    expect(complaint(late)).toContain('Unexpected role "system"');
    expect(complaint({ ...late, model: 'claude-opus-4-8' })).toBeNull();
    const first = { messages: [{ role: 'system', content: 'Be brief.' }, hello], model: 'claude-opus-5' };
    expect(complaint(first)).toContain('must follow a `user` turn');
  });
});

describe('what the provider refuses', () => {
  const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
  const image = (source: object) => user({ type: 'image', source });
  const cached = (words: string) => ({ ...text(words), cache_control: { type: 'ephemeral' } });

  test.each([
    ['a missing limit', { max_tokens: undefined }, 'max_tokens: Field required'],
    ['a limit of nothing', { max_tokens: 0 }, 'max_tokens: Input should be greater than or equal to 1'],
    ['a limit that is text', { max_tokens: '9' }, 'max_tokens: Input should be a valid integer'],
    ['members of other protocols', { stream_options: {} }, 'stream_options: Extra inputs are not permitted'],
    ['no messages', { messages: [] }, 'messages: at least one message is required'],
    [
      'a role that nobody has',
      { messages: [{ role: 'tool', content: 'x' }] },
      "messages.0.role: Input should be 'user' or 'assistant'",
    ],
    [
      'a message with more members',
      { messages: [{ ...hello, name: 'Jo' }] },
      'messages.0.name: Extra inputs are not permitted',
    ],
    [
      'empty content',
      { messages: [{ role: 'user', content: '' }] },
      'messages.0: user messages must have non-empty content',
    ],
    ['empty text', user(text('')), 'messages: text content blocks must be non-empty'],
    ['an unknown block', user({ type: 'video' }), "messages.0.content.0: Input tag 'video' found using 'type'"],
    [
      'a call by a person',
      user(use('a')),
      'messages.0.content.0: `tool_use` blocks can only be specified in `assistant` messages',
    ],
    [
      'a thought without a signature',
      { messages: [hello, { role: 'assistant', content: [{ type: 'thinking', thinking: 'x' }] }, hello] },
      'messages.1.content.0.thinking.signature: Field required',
    ],
    [
      'a redacted thought that it never gave',
      { messages: [hello, { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x' }] }, hello] },
      'messages.1.content.0: Invalid `data` in `redacted_thinking` block',
    ],
    [
      'a picture of an unknown kind',
      image({ type: 'base64', media_type: 'image/bmp', data: 'AAAA' }),
      'messages.0.content.0.image.source.base64.media_type',
    ],
    [
      'a picture that is no base64',
      image({ type: 'base64', media_type: 'image/png', data: 'data:image/png;base64,AA' }),
      'Invalid base64 data',
    ],
    [
      'a picture as text',
      image({ type: 'text', media_type: 'text/plain', data: 'x' }),
      "messages.0.content.0.image.source.type: Input should be 'base64'",
    ],
    [
      'too many breakpoints',
      user(...['a', 'b', 'c', 'd', 'e'].map(cached)),
      'A maximum of 4 blocks with cache_control may be provided. Found 5.',
    ],
    [
      'a breakpoint of another lifetime',
      { cache_control: { type: 'ephemeral', ttl: '12h' } },
      "cache_control.ttl: Input should be '5m' or '1h'",
    ],
    [
      'white space at the end of a prefill',
      { messages: [hello, { role: 'assistant', content: 'It ' }] },
      'final assistant content cannot end with trailing whitespace',
    ],
    [
      'a blank stop sequence',
      { stop_sequences: ['\n'] },
      'stop_sequences: each stop sequence must contain non-whitespace',
    ],
    ['a tool without a schema', { tools: [{ name: 'f' }] }, 'tools.0.custom.input_schema: Field required'],
    [
      'a tool with a long name',
      { tools: [{ ...weather, name: 'f'.repeat(65) }] },
      'tools.0.custom.name: String should match pattern',
    ],
    ['a tool in another shape', { tools: [{ type: 'function', function: {} }] }, "tools.0: Input tag 'function'"],
    ['tools of one name', { tools: [weather, weather] }, 'tools: Tool names must be unique.'],
    [
      'a strict tool with an open schema',
      { tools: [{ ...weather, strict: true }] },
      "'additionalProperties' must be explicitly set to false",
    ],
    [
      'a choice without tools',
      { tool_choice: { type: 'auto' } },
      'tool_choice: may only be specified while providing tools',
    ],
    [
      'a choice of an unknown tool',
      { tools: [weather], tool_choice: { type: 'tool', name: 'x' } },
      "Tool 'x' not found",
    ],
    [
      'a choice as a word',
      { tools: [weather], tool_choice: 'auto' },
      'tool_choice: Input should be a valid dictionary',
    ],
    [
      'force beside manual thoughts',
      { tools: [weather], tool_choice: { type: 'any' }, thinking: { type: 'enabled', budget_tokens: 1_024 } },
      'Thinking may not be enabled when tool_choice forces tool use.',
    ],
    [
      'a small budget',
      { thinking: { type: 'enabled', budget_tokens: 1_000 } },
      'thinking.enabled.budget_tokens: Input should be greater than or equal to 1024',
    ],
    [
      'a budget above the limit',
      { thinking: { type: 'enabled', budget_tokens: 4_096 } },
      '`max_tokens` must be greater than `thinking.budget_tokens`.',
    ],
    ['warmth', { temperature: 1.5 }, 'temperature: Input should be less than or equal to 1'],
    ['two kinds of warmth', { temperature: 0.5, top_p: 0.5 }, 'cannot both be specified'],
    [
      'warmth beside thoughts',
      { temperature: 0.5, thinking: { type: 'enabled', budget_tokens: 1_024 } },
      '`temperature` may only be set to 1',
    ],
    ['metadata of its own', { metadata: { user_id: 'u', team: 't' } }, 'metadata.team: Extra inputs are not permitted'],
    ['a tier of another provider', { service_tier: 'flex' }, "service_tier: Input should be 'auto' or 'standard_only'"],
  ])('%s', (_, more, words) => expect(complaint(more)).toContain(words));

  test('the new version refuses more', () => {
    const document = { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'x' } };
    const said = { messages: [hello, { role: 'assistant', content: [document] }, hello] };
    const cited = user({ ...text('so'), citations: [{}] });
    for (const more of [said, cited]) {
      expect(complaint(more)).toBeNull();
      expect(complaint(more, NEW)).not.toBeNull();
    }
  });
});

describe('betas', () => {
  const withBetas = (betas: string) => {
    const headers = { 'anthropic-version': OLD, 'anthropic-beta': betas };
    const body = { model: 'claude-sonnet-4-5', max_tokens: 16, messages: [hello] };
    return readMessagesCall(body, { method: 'POST', path: '/v1/messages', query: '', headers }).call;
  };

  test.each([
    'claude-code-20250219',
    'oauth-2025-04-20',
    'interleaved-thinking-2025-05-14',
    'fine-grained-tool-streaming-2025-05-14',
    'context-management-2025-06-27',
    'prompt-caching-2024-07-31',
    'claude-code-20250219,interleaved-thinking-2025-05-14, fine-grained-tool-streaming-2025-05-14',
  ])('of clients in use are accepted: %s', (betas) => {
    expect(withBetas(betas).model).toBe('claude-sonnet-4-5');
  });

  test.each(['dreams', 'claude-code-2025021', 'claude-code-2025-0219'])('without a date are refused: %s', (betas) => {
    expect(complaintOf(() => withBetas(betas))).toContain('anthropic-beta');
  });
});
