// Tools of Codex and similar clients at providers of other protocols: groups, tools that OpenAI's models know without
// declaration, tools that are added later. Each call reaches the client in the form that it knows.
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import { type PreparedCall, type ProviderDialect, prepareCall } from '#src/protocols/call/prepare-call.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

const PROVIDERS = ['openai-chat', 'anthropic-messages', 'gemini-generate-content'] as const;
type Provider = (typeof PROVIDERS)[number];

const PROVIDER: ProviderDialect = {
  name: 'vendor',
  apiKey: null,
  credentialHeader: null,
  paths: {},
  query: {},
  canReportStreamUsage: true,
  prefill: null,
};
const CONTEXT: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 1,
  priceUsage: () => ({ cost: '0', charge: '0' }),
};

function prepare(vendor: string, body: JsonObject, cures: 'adapt'[] = []) {
  const call = prepareCall(findProtocolRoute('openai-responses', [vendor])!, PROVIDER, {
    body: Buffer.from(JSON.stringify({ model: 'm', input: 'hi', ...body })),
    upstreamModel: 'some-model',
    isStream: true,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(cures),
  });
  if (isFailure(call)) throw new Error(call.message);
  return { call, sent: JSON.parse(call.request.body.toString()) as JsonObject };
}

const fn = (name: string, more = {}) => ({
  type: 'function',
  name,
  parameters: { type: 'object', properties: {} },
  strict: false,
  ...more,
});
const FILES = {
  type: 'namespace',
  name: 'mcp__files',
  description: 'Files.',
  tools: [fn('read', { description: 'Reads.' }), { type: 'custom', name: 'grep' }],
};

/** Names of the functions that a provider gets. */
function declared(vendor: Provider, { tools }: JsonObject): string[] {
  const list = (tools ?? []) as JsonObject[];
  if (vendor === 'openai-chat') return list.map((tool) => (tool.function as { name: string }).name);
  if (vendor === 'anthropic-messages')
    return list.filter(({ type }) => type === undefined).map(({ name }) => name as string);
  return list.flatMap(({ functionDeclarations: each }) => ((each ?? []) as { name: string }[]).map(({ name }) => name));
}

/** One call, as a chat provider streams it. */
function answer({ translation }: PreparedCall, name: string, args: string) {
  const tool_calls = [{ index: 0, id: 'c1', type: 'function', function: { name, arguments: args } }];
  const of = (choice: JsonObject) => ({ id: 'x', model: 'm', choices: [{ index: 0, ...choice }] });
  const relay = translation.openStream(CONTEXT);
  const events = [of({ delta: { tool_calls } }), of({ delta: {}, finish_reason: 'tool_calls' })];
  const text = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
  const bytes = new SseSplitter().push(Buffer.from(text)).map((event) => relay.accept(event).bytes?.toString() ?? '');
  const seen = (bytes.join('') + (relay.end().bytes?.toString() ?? ''))
    .split('\n')
    .filter((line) => line.startsWith('data:'));
  const streamed = seen.map((line) => JSON.parse(line.slice(5)) as JsonObject);
  const whole = of({ message: { role: 'assistant', tool_calls }, finish_reason: 'tool_calls' });
  const { body } = translation.relayBody(Buffer.from(JSON.stringify(whole)), CONTEXT);
  return {
    done: streamed.find(({ type }) => type === 'response.output_item.done')!.item,
    types: streamed.map(({ type }) => type),
    whole: (JSON.parse(body.toString()) as { output: JsonObject[] }).output[0],
  };
}

describe('a group of tools', () => {
  test.each(PROVIDERS)('becomes its tools, each with a unique name (%s)', (vendor) => {
    const { sent, call } = prepare(vendor, { tools: [fn('read'), FILES] });
    expect(declared(vendor, sent)).toEqual(['read', 'mcp__files__read', 'mcp__files__grep']);
    expect(JSON.stringify(sent)).toContain('Reads.');
    expect(call.dropped).toEqual([]);
  });

  test('calls have group and name, streamed and unstreamed', () => {
    const { call } = prepare('openai-chat', { tools: [fn('read'), FILES] });
    const item = { type: 'function_call', call_id: 'c1', name: 'read', namespace: 'mcp__files', arguments: '{"a":1}' };
    const grouped = answer(call, 'mcp__files__read', '{"a":1}');
    expect([grouped.done, grouped.whole]).toMatchObject([item, item]);
    expect(answer(call, 'read', '{}').done).not.toHaveProperty('namespace');
    const custom = { type: 'custom_tool_call', name: 'grep', namespace: 'mcp__files', input: 'x y' };
    expect(answer(call, 'mcp__files__grep', '{"input":"x y"}').done).toMatchObject(custom);
  });

  test.each(PROVIDERS)('calls in the history, and a choice, use the declared names (%s)', (vendor) => {
    const input = [
      { role: 'user', content: 'hi' },
      { type: 'function_call', call_id: 'c', name: 'read', namespace: 'mcp__files', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: 'ok' },
    ];
    const choice = { type: 'function', name: 'read', namespace: 'mcp__files' };
    const { sent } = prepare(vendor, { tools: [FILES], input, tool_choice: choice });
    const text = JSON.stringify(sent);
    expect(text).not.toContain('"namespace"');
    expect(text.split('"mcp__files__read"').length - 1).toBeGreaterThanOrEqual(3);
  });

  test('allowed as a whole allows its tools', () => {
    const choice = { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'namespace', name: 'mcp__files' }] };
    const { sent } = prepare('openai-chat', { tools: [fn('read'), FILES], tool_choice: choice });
    expect(declared('openai-chat', sent)).toEqual(['mcp__files__read', 'mcp__files__grep']);
  });

  test('stays unchanged if a request is encoded again for a provider of this protocol', () => {
    const tools = [FILES, { type: 'file_search', vector_store_ids: ['v'] }, { type: 'local_shell' }];
    const { sent, call } = prepare('openai-responses', { tools, temperature: 1 }, ['adapt']);
    expect(sent.tools).toEqual(tools);
    expect(call.dropped).toEqual([]);
  });
});

describe('tools that are added later', () => {
  test.each(PROVIDERS)('by items of the input are declared with the others (%s)', (vendor) => {
    const input = [
      { type: 'additional_tools', role: 'developer', tools: [fn('late'), FILES] },
      { role: 'user', content: 'hi' },
      { type: 'tool_search_call', call_id: 's', execution: 'client', arguments: { query: 'x' } },
      { type: 'tool_search_output', call_id: 's', execution: 'client', tools: [fn('found')] },
    ];
    const { sent } = prepare(vendor, { tools: [{ type: 'tool_search', execution: 'client' }], input });
    const names = ['tool_search', 'late', 'mcp__files__read', 'mcp__files__grep', 'found'];
    expect(declared(vendor, sent)).toEqual(names);
    expect(JSON.stringify(sent)).toContain('These tools can be called now: found');
  });
});

describe('tools that OpenAI’s models know without declaration', () => {
  const exec = { type: 'exec', command: ['ls'], env: {} };
  const created = { type: 'create_file', path: 'a', diff: '+x' };

  test.each<[string, JsonObject, string, string, object]>([
    ['local_shell', {}, '{"command":["ls"]}', 'local_shell_call', { action: exec }],
    [
      'local_shell',
      {},
      '{"command":"ls"}',
      'local_shell_call',
      { action: { ...exec, command: ['bash', '-lc', 'ls'] } },
    ],
    [
      'shell',
      { environment: { type: 'local' } },
      '{"commands":["ls"]}',
      'shell_call',
      { action: { commands: ['ls'], timeout_ms: null, max_output_length: null } },
    ],
    ['apply_patch', {}, JSON.stringify(created), 'apply_patch_call', { operation: created }],
    [
      'tool_search',
      { execution: 'client' },
      '{"query":"x"}',
      'tool_search_call',
      { execution: 'client', arguments: { query: 'x' } },
    ],
  ])('%s (%j) becomes a function, and a call of it with %s becomes its item', (type, more, args, itemType, members) => {
    const { call, sent } = prepare('openai-chat', { tools: [{ type, ...more }] });
    expect(declared('openai-chat', sent)).toEqual([type]);
    const { done, whole, types } = answer(call, type, args);
    const item = { type: itemType, call_id: 'c1', status: 'completed', ...members };
    expect([done, whole]).toMatchObject([item, item]);
    expect(types.filter((each) => String(each).includes('output_item'))).toHaveLength(2);
  });

  test('another call stays a function call', () => {
    const { call } = prepare('openai-chat', { tools: [{ type: 'apply_patch' }] });
    const shown = { type: 'function_call', name: 'apply_patch', arguments: '{"x":1}' };
    expect(answer(call, 'apply_patch', '{"x":1}').done).toMatchObject(shown);
  });

  test('each keeps its own calls if a function has the same name', () => {
    const { call, sent } = prepare('openai-chat', { tools: [fn('shell'), { type: 'shell' }] });
    expect(declared('openai-chat', sent)).toEqual(['shell', 'openai_shell']);
    expect(answer(call, 'shell', '{"cmd":"ls"}').done).toMatchObject({ type: 'function_call', name: 'shell' });
    expect(answer(call, 'openai_shell', '{"commands":["ls"]}').done).toMatchObject({ type: 'shell_call' });
  });

  test('that run in OpenAI’s containers are left out and named', () => {
    const { call } = prepare('openai-chat', {
      tools: [fn('f'), { type: 'shell', environment: { type: 'container_auto' } }],
    });
    expect(call.dropped).toEqual(['tools.shell']);
  });

  test.each<[string, object, object, string]>([
    [
      'local_shell',
      { type: 'local_shell_call', call_id: 'c', action: exec },
      { type: 'local_shell_call_output', id: 'c', output: 'a.txt' },
      'a.txt',
    ],
    [
      'shell',
      { type: 'shell_call', call_id: 'c', action: { commands: ['ls'] } },
      {
        type: 'shell_call_output',
        call_id: 'c',
        output: [{ stdout: 'a.txt', stderr: '', outcome: { type: 'exit', exit_code: 0 } }],
      },
      'a.txt\nExit code 0.',
    ],
    [
      'apply_patch',
      { type: 'apply_patch_call', call_id: 'c', operation: created },
      { type: 'apply_patch_call_output', call_id: 'c', status: 'completed', output: 'Done.' },
      'completed: Done.',
    ],
  ])('%s: calls and outputs in the history become those of the function', (type, called, output, text) => {
    const input = [{ role: 'user', content: 'hi' }, called, output];
    const { sent } = prepare('openai-chat', { tools: [{ type }], input });
    expect(sent.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', tool_calls: [{ id: 'c', function: { name: type } }] },
      { role: 'tool', tool_call_id: 'c', content: text },
    ]);
  });
});
