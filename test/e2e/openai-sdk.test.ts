// The official OpenAI SDK as client, in both generations, with processes as deployed.
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { waitFor } from '#test/support/wait.ts';

let simulator: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12 });
  broker = await startBroker({
    together: true,
    configuration: {
      server: { deadline_ms: 20_000 },
      providers: {
        sim: {
          protocols: ['openai-chat'],
          base_url: `${simulator.url}/v1`,
          api_key: 'sk-provider-secret-0123456789',
          retries: { max: 1, base_ms: 10 },
          circuit: { failures: 1_000, refusal_cooldown_ms: 1 },
        },
      },
      models: {
        'gpt-4o': {
          deployments: [{ provider: 'sim', model: 'gpt-4o', price: { input: 2.5, cached_input: 1.25, output: 10 } }],
        },
        'vendor/*': { deployments: [{ provider: 'sim', model: '*' }] },
      },
    },
  });
});
afterAll(async () => {
  await broker.stop();
  await simulator.close();
});

const say = (content: string) => [{ role: 'user' as const, content }];
const GENERATIONS = [
  { name: 'openai 7', Client: OpenAI },
  { name: 'openai 6', Client: OpenAI6 as unknown as typeof OpenAI },
];
const WEATHER = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
  },
};

describe.each(GENERATIONS)('$name', ({ Client }) => {
  const client = (more: object = {}) =>
    new Client({ baseURL: `${broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0, ...more });

  test('a completion has its answer, usage and cost', async () => {
    const { data, response, request_id } = await client()
      .chat.completions.create({ model: 'gpt-4o', messages: say('Reply with exactly: connected') })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe('connected');
    expect(data.usage).toMatchObject({ completion_tokens: 3, cost: expect.any(Number) });
    expect(data).toMatchObject({ model: 'gpt-4o', cost: 0.0001 });
    expect(request_id).toMatch(/^req_/);
    expect(response.headers.get('x-sluice-provider')).toBe('sim');
    expect(response.headers.get('x-sluice-attempts')).toBe('1');
  });

  test('a stream has the same text, and usage with cost at its end if requested', async () => {
    const stream = await client().chat.completions.create({
      model: 'gpt-4o',
      messages: say('Reply with exactly: one two three'),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('one two three');
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { completion_tokens: 4, cost: expect.any(Number) },
      cost: 0.0001,
    });
  });

  test('a stream without include_usage has no extra chunk and no usage', async () => {
    const stream = await client().chat.completions.create({ model: 'gpt-4o', messages: say('Hi'), stream: true });
    for await (const chunk of stream) {
      expect(chunk.choices).toHaveLength(1);
      expect(chunk).not.toHaveProperty('usage');
    }
  });

  test('the stream helper accepts the stream, tool calls included', async () => {
    const runner = client().chat.completions.stream({
      model: 'gpt-4o',
      messages: say('What is the weather in Paris?'),
      tools: [WEATHER],
      tool_choice: 'required',
    });
    const message = await runner.finalMessage();
    const call = message.tool_calls?.[0];
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    expect(Object.keys(JSON.parse((call as { function: { arguments: string } }).function.arguments))).toEqual(['city']);
  });

  test('a tool call’s result is answered in a second turn', async () => {
    const messages = say('What is the weather in Paris?');
    const first = await client().chat.completions.create({
      model: 'gpt-4o',
      messages,
      tools: [WEATHER],
      tool_choice: 'required',
    });
    const { message, finish_reason } = first.choices[0]!;
    expect(finish_reason).toBe('tool_calls');
    const second = await client().chat.completions.create({
      model: 'gpt-4o',
      tools: [WEATHER],
      messages: [...messages, message, { role: 'tool', tool_call_id: message.tool_calls![0]!.id, content: '18 °C' }],
    });
    expect(second.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: expect.any(String) } });
  });

  test('structured output works', async () => {
    const schema = {
      type: 'object',
      properties: { n: { type: 'integer' } },
      required: ['n'],
      additionalProperties: false,
    };
    const answer = await client().chat.completions.create({
      model: 'gpt-4o',
      messages: say('Count.'),
      response_format: { type: 'json_schema', json_schema: { name: 'count', schema, strict: true } },
    });
    expect(JSON.parse(answer.choices[0]!.message.content!)).toEqual({ n: expect.any(Number) });
  });

  test('unknown fields reach the provider unchanged, extra_body is merged', async () => {
    const body = {
      model: 'vendor/some-model',
      messages: say('Hello'),
      seed: 7,
      brand_new: { nested: [1, 2] },
      extra_body: { google: { image_config: { image_size: '1K' } } },
      models: ['gpt-4o'],
      provider: { order: ['sim'] },
    };
    await client().chat.completions.create(body);
    const { body: sent, headers } = simulator.requests().at(-1)!;
    expect(JSON.parse(sent)).toEqual({
      model: 'some-model',
      messages: say('Hello'),
      seed: 7,
      brand_new: { nested: [1, 2] },
      google: { image_config: { image_size: '1K' } },
    });
    expect(headers['x-client-request-id']).toMatch(/^req_\w+\.1$/);
    expect(JSON.stringify(headers)).not.toContain(TEST_KEY);
  });

  test('/v1/openai is the same address, and models can be listed and retrieved', async () => {
    const alias = client({ baseURL: `${broker.url}/v1/openai` });
    expect((await alias.chat.completions.create({ model: 'gpt-4o', messages: say('Hi') })).object).toBe(
      'chat.completion',
    );
    const models = await alias.models.list();
    // Models configured by name, then the wildcard provider's own list.
    expect(models.data.map((model) => model.id)).toEqual(['gpt-4o', 'vendor/sim-large', 'vendor/sim-small']);
    expect(await client().models.retrieve('vendor/any/name')).toMatchObject({ id: 'vendor/any/name', owned_by: 'sim' });
  });

  test('errors have their class, code and a helpful message', async () => {
    const caught = (promise: PromiseLike<unknown>) => Promise.resolve(promise).catch((error: unknown) => error);
    const create = (body: object, more: object = {}) =>
      caught(client(more).chat.completions.create(body as Parameters<OpenAI['chat']['completions']['create']>[0]));
    expect(await create({ model: 'gpt-4o' })).toMatchObject({
      status: 400,
      code: 'missing_required_parameter',
      param: 'messages',
    });
    expect(await create({ model: 'nope', messages: say('x') })).toMatchObject({
      status: 404,
      code: 'model_not_found',
      param: 'model',
    });
    expect(await create({ model: 'gpt-4o', messages: say('x') }, { apiKey: 'wrong' })).toMatchObject({
      status: 401,
      code: 'invalid_api_key',
      name: expect.stringContaining('Error'),
    });
    expect(await create({ model: 'gpt-4o', messages: say('[[sim fault=context_length]]') })).toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
  });

  test('a provider’s refusal of the broker’s key is not shown as the client’s, and the key stays secret', async () => {
    const error = await client()
      .chat.completions.create({ model: 'gpt-4o', messages: say('[[sim fault=401]]') })
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ status: 502 });
    expect(String((error as Error).message)).not.toContain('secret');
  });

  test('an error inside a stream reaches the client as one', async () => {
    const stream = await client().chat.completions.create({
      model: 'gpt-4o',
      messages: say('[[sim fault=error_event@3]] two'),
      stream: true,
    });
    const read = async () => {
      let text = '';
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
      return text;
    };
    await expect(read()).rejects.toThrow();
  });

  test('aborting a stream closes the provider’s', async () => {
    const stream = await client().chat.completions.create({
      model: 'gpt-4o',
      messages: say('[[sim tokens=2000 pace=5]]'),
      stream: true,
    });
    const before = simulator.stats().outcomes.aborted ?? 0;
    for await (const _chunk of stream) break;
    await waitFor('the provider to see it', () => (simulator.stats().outcomes.aborted ?? 0) > before, 5_000);
  });

  test('the SDK’s own retries obey the announced wait', async () => {
    const prompt = `[[sim fault=429:50 times=2]] ${Math.random()}`;
    const answer = await client({ maxRetries: 2 }).chat.completions.create({ model: 'gpt-4o', messages: say(prompt) });
    expect(answer.choices[0]?.finish_reason).toBe('stop');
  });
});
