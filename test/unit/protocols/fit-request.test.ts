// What a client is free to choose, made to fit each provider, and given back in what the provider answers.
import { describe, expect, test } from 'vitest';
import { type Cure, isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import { boundsOf, fits } from '#src/protocols/bounds/provider-bounds.ts';
import { type PreparedCall, type ProviderDialect, prepareCall } from '#src/protocols/call/prepare-call.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { fitRequest } from '#src/protocols/translate/fit-request.ts';
import { fitCallId, ToolNames } from '#src/protocols/translate/tool-names.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

const PROVIDERS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini-generate-content'] as const;
type Provider = (typeof PROVIDERS)[number];

const LONG = `mcp__files__${'read_'.repeat(20)}`;
const LONG_TOO = `${LONG}too`;
const STRANGE = 'functions/get weather.v2';

const PROVIDER: ProviderDialect = {
  name: 'vendor',
  apiKey: null,
  credentialHeader: null,
  paths: {},
  query: {},
  canReportStreamUsage: true,
  prefill: null,
};

describe('names of tools', () => {
  const namesFor = (vendor: string, ...tools: { name: string; namespace?: string }[]) => {
    const names = new ToolNames(boundsOf(vendor, 'm'), tools);
    return tools.map((tool) => names.toWire(tool).name);
  };

  test.each(PROVIDERS)('%s: each is valid and unique, and can be restored', (vendor) => {
    const bounds = boundsOf(vendor, 'm');
    const tools = [LONG, LONG_TOO, STRANGE, 'plain', '9', 'functions_get_weather_v2', 'é'].map((name) => ({ name }));
    const names = new ToolNames(bounds, tools);
    const wire = tools.map((tool) => names.toWire(tool).name);
    expect(wire.every((name) => fits(name, bounds.toolName))).toBe(true);
    expect(new Set(wire).size).toBe(tools.length);
    expect(wire.map((name) => names.toClient({ name }))).toEqual(tools);
  });

  test('a valid name is kept, whatever another one would become', () => {
    expect(namesFor('openai-chat', { name: 'a.b' }, { name: 'a_b' })[1]).toBe('a_b');
  });

  test('a longer conversation does not change earlier names', () => {
    const [before] = namesFor('anthropic-messages', { name: LONG });
    expect(namesFor('anthropic-messages', { name: LONG }, { name: LONG_TOO }, { name: 'x.y' })[0]).toBe(before);
  });

  test('a function of a group is distinguished from one of its name outside', () => {
    const tools = [{ name: 'read' }, { name: 'read', namespace: 'files' }, { name: 'read', namespace: 'mail__' }];
    expect(namesFor('openai-chat', ...tools)).toEqual(['read', 'files__read', 'mail__read']);
    expect(namesFor('openai-chat', { name: 'files__read' }, ...tools)[2]).toMatch(/^files__read_[0-9a-f]{8}$/);
  });

  test('groups are kept if the provider supports them', () => {
    const tool = { name: 'read', namespace: 'files' };
    const names = new ToolNames(boundsOf('openai-responses', 'm'), [tool]);
    expect([names.toWire(tool), names.toClient(tool), names.toClient({ name: 'read' }), names.areTheirOwn]).toEqual([
      tool,
      tool,
      { name: 'read' },
      true,
    ]);
  });
});

describe('ids of calls', () => {
  test.each<[string, string, string]>([
    ['openai-chat', 'gpt-5', 'x'.repeat(41)],
    ['openai-chat', 'mistral-large-latest', 'call_1'],
    ['openai-responses', 'gpt-5', 'x'.repeat(65)],
    ['anthropic-messages', 'claude-opus-5', 'functions.get:0'],
    ['gemini-generate-content', 'gemini-3-pro', 'x'.repeat(300)],
  ])('%s, %s: a refused id becomes a valid one, always the same', (vendor, model, id) => {
    const { callId } = boundsOf(vendor, model);
    expect(fits(id, callId)).toBe(false);
    expect(fits(fitCallId(id, callId), callId)).toBe(true);
    expect(fitCallId(id, callId)).toBe(fitCallId(id, callId));
    expect(fitCallId(`${id}1`, callId)).not.toBe(fitCallId(id, callId));
  });

  test('Kimi’s own ids are unchanged at providers that accept them', () => {
    expect(fitCallId('functions.get_weather:0', boundsOf('openai-chat', 'kimi-k3').callId)).toBe(
      'functions.get_weather:0',
    );
  });

  test('calls and results still match', () => {
    const request: InferenceRequest = {
      turns: [
        { role: 'assistant', parts: [{ kind: 'tool-call', id: 'call_1', name: STRANGE, arguments: '{}' }] },
        { role: 'user', parts: [{ kind: 'tool-result', callId: 'call_1', name: STRANGE, parts: [] }] },
      ],
      tools: [],
      sampling: {},
      unmapped: {},
    };
    const bounds = boundsOf('openai-chat', 'codestral-2508');
    const [call, result] = fitRequest(request, bounds, new ToolNames(bounds, [{ name: STRANGE }])).turns.flatMap(
      ({ parts }) => parts,
    );
    expect(call).toMatchObject({ id: expect.stringMatching(/^[a-z0-9]{9}$/), name: 'functions_get_weather_v2' });
    expect(result).toMatchObject({ callId: (call as { id: string }).id, name: 'functions_get_weather_v2' });
  });
});

describe('the end user', () => {
  const endUserAt = (vendor: Provider, userId: string) => {
    const { body } = prepare('anthropic-messages', vendor, { ...MESSAGES, metadata: { user_id: userId } });
    return body.user ?? body.safety_identifier ?? (body.metadata as JsonObject | undefined)?.user_id;
  };
  const LONG_USER = `user_${'a'.repeat(64)}_account__session_${'b'.repeat(36)}`;

  test.each(['openai-chat', 'openai-responses'] as const)('%s: 64 characters at most, the same each time', (vendor) => {
    expect(endUserAt(vendor, 'jane')).toBe('jane');
    expect(endUserAt(vendor, LONG_USER)).toMatch(/^[0-9a-f]{64}$/);
    expect(endUserAt(vendor, LONG_USER)).toBe(endUserAt(vendor, LONG_USER));
  });
});

const MESSAGES = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hello.' }] };

function prepare(client: Provider, vendor: Provider, sent: JsonObject, isStream = false, cures: Cure[] = []) {
  const call = prepareCall(findProtocolRoute(client, [vendor])!, PROVIDER, {
    body: Buffer.from(JSON.stringify(sent)),
    upstreamModel: 'some-model',
    isStream,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(cures),
  });
  if (isFailure(call)) throw new Error(call.message);
  return { call, body: JSON.parse(call.request.body.toString()) as JsonObject };
}

/** The same request in each client's protocol: a tool with an invalid name, forced, and a call of it in the history. */
const REQUESTS: Record<Provider, JsonObject> = {
  'openai-chat': {
    model: 'm',
    messages: [
      { role: 'user', content: 'Go.' },
      {
        role: 'assistant',
        tool_calls: [{ id: 'c1', type: 'function', function: { name: STRANGE, arguments: '{}' } }],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'ok' },
    ],
    tools: [{ type: 'function', function: { name: STRANGE } }],
    tool_choice: { type: 'function', function: { name: STRANGE } },
  },
  'openai-responses': {
    model: 'm',
    input: [
      { role: 'user', content: 'Go.' },
      { type: 'function_call', call_id: 'c1', name: STRANGE, arguments: '{}' },
      { type: 'function_call_output', call_id: 'c1', output: 'ok' },
    ],
    tools: [{ type: 'function', name: STRANGE, parameters: null, strict: false }],
    tool_choice: { type: 'function', name: STRANGE },
  },
  'anthropic-messages': {
    model: 'm',
    max_tokens: 9,
    messages: [
      { role: 'user', content: 'Go.' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: STRANGE, input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'ok' }] },
    ],
    tools: [{ name: STRANGE, input_schema: { type: 'object', properties: {} } }],
    tool_choice: { type: 'tool', name: STRANGE },
  },
  'gemini-generate-content': {
    contents: [
      { role: 'user', parts: [{ text: 'Go.' }] },
      { role: 'model', parts: [{ functionCall: { name: STRANGE, args: {} } }] },
      { role: 'user', parts: [{ functionResponse: { name: STRANGE, response: { output: 'ok' } } }] },
    ],
    tools: [{ functionDeclarations: [{ name: STRANGE }] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: [STRANGE] } },
  },
};

/** A call of a tool in each provider's protocol, as an unstreamed answer and as the events of a stream. */
const ANSWERS: Record<Provider, (name: string) => { whole: JsonObject; events: JsonObject[] }> = {
  'openai-chat': (name) => {
    const calls = [{ index: 0, id: 'c2', type: 'function', function: { name, arguments: '{}' } }];
    const of = (message: JsonObject) => ({ id: 'x', model: 'm', choices: [{ index: 0, ...message }] });
    return {
      whole: of({ message: { role: 'assistant', tool_calls: calls }, finish_reason: 'tool_calls' }),
      events: [of({ delta: { tool_calls: calls } }), of({ delta: {}, finish_reason: 'tool_calls' })],
    };
  },
  'openai-responses': (name) => {
    const item = { type: 'function_call', id: 'fc', call_id: 'c2', name, arguments: '{}', status: 'completed' };
    const response = { id: 'r', object: 'response', model: 'm', status: 'completed', output: [item] };
    return {
      whole: response,
      events: [
        { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
        { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
        { type: 'response.output_item.done', output_index: 0, item },
        { type: 'response.completed', response },
      ],
    };
  },
  'anthropic-messages': (name) => {
    const block = { type: 'tool_use', id: 'c2', name, input: {} };
    const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [] };
    return {
      whole: { ...message, content: [block], stop_reason: 'tool_use' },
      events: [
        { type: 'message_start', message },
        { type: 'content_block_start', index: 0, content_block: block },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 1 } },
        { type: 'message_stop' },
      ],
    };
  },
  'gemini-generate-content': (name) => {
    const parts = [{ functionCall: { name, args: {} } }];
    const chunk = { candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }] };
    return { whole: chunk, events: [chunk] };
  },
};

const CONTEXT: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 1,
  priceUsage: () => ({ cost: '0', charge: '0' }),
};

const PAIRS = PROVIDERS.flatMap((client) =>
  PROVIDERS.filter((vendor) => vendor !== client).map((vendor) => ({ client, vendor })),
);

describe.each(PAIRS)(
  'a tool with an invalid name, from a client of $client at a provider of $provider',
  ({ client, vendor }) => {
    const wireName = vendor === 'gemini-generate-content' ? 'functions_get_weather.v2' : 'functions_get_weather_v2';

    test('is declared, chosen and called in the history by a name that the provider accepts', () => {
      const { call } = prepare(client, vendor, REQUESTS[client]);
      const sent = call.request.body.toString();
      expect(sent).not.toContain(STRANGE);
      expect(sent.split(`"${wireName}"`).length - 1).toBeGreaterThanOrEqual(3);
    });

    test('has its own name in an unstreamed answer', () => {
      const { call } = prepare(client, vendor, REQUESTS[client]);
      const { whole } = ANSWERS[vendor](wireName);
      const { body } = call.translation.relayBody(Buffer.from(JSON.stringify(whole)), CONTEXT);
      expect(body.toString()).toContain(`"name":"${STRANGE}"`);
      expect(body.toString()).not.toContain(wireName);
    });

    test('has its own name in a stream', () => {
      const { call } = prepare(client, vendor, REQUESTS[client], true);
      const streamed = stream(call, ANSWERS[vendor](wireName).events);
      expect(streamed).toContain(`"name":"${STRANGE}"`);
      expect(streamed).not.toContain(wireName);
    });
  },
);

describe.each(['openai-chat', 'anthropic-messages', 'gemini-generate-content'] as const)(
  'a provider of the client’s own protocol (%s) that has refused a name',
  (protocol) => {
    test('gets another name, and its answer has the client’s own', () => {
      const { call } = prepare(protocol, protocol, REQUESTS[protocol], true, ['fit']);
      expect(call.request.body.toString()).not.toContain(STRANGE);
      const [wireName] = /functions_get_weather.v2/.exec(call.request.body.toString())!;
      expect(stream(call, ANSWERS[protocol](wireName).events)).toContain(`"name":"${STRANGE}"`);
    });

    test('is unchanged if nothing had to change', () => {
      const plain = JSON.parse(JSON.stringify(REQUESTS[protocol]).replaceAll(STRANGE, 'plain')) as JsonObject;
      const { call } = prepare(protocol, protocol, plain, true, ['fit']);
      expect(call.translation).toBe(findProtocolRoute(protocol, [protocol])!.client.passThrough);
    });
  },
);

function stream({ translation }: PreparedCall, events: readonly JsonObject[]): string {
  const relay = translation.openStream(CONTEXT);
  const text = events
    .map(
      (event) => `${typeof event.type === 'string' ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`,
    )
    .join('');
  const relayed = new SseSplitter().push(Buffer.from(text)).map((event) => relay.accept(event));
  return [...relayed, relay.end()].map(({ bytes }) => bytes?.toString() ?? '').join('');
}
