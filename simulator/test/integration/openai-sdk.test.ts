// The official SDK, in both versions that Sluice supports, works with the simulator as with OpenAI.
import OpenAI7 from 'openai';
import OpenAI6 from 'openai6';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ tokens: 10 });
});
afterEach(() => simulator.close());

const weather = {
  type: 'function' as const,
  function: {
    name: 'get_weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const ask = (content: string) => ({ model: 'gpt-4o', messages: [{ role: 'user' as const, content }] });

/** Both versions have the same shape in what this test uses. */
const versions = { '7': OpenAI7, '6': OpenAI6 as unknown as typeof OpenAI7 };

describe.each(['7', '6'] as const)('openai %s', (version) => {
  const OpenAI = versions[version];
  const connect = () => new OpenAI({ apiKey: 'sk-any', baseURL: `${simulator.url}/v1` });

  test('reads an answer and its request id', async () => {
    const completion = await connect().chat.completions.create(ask('Hello.'));
    expect(completion.usage?.completion_tokens).toBe(10);
    expect(completion._request_id).toBe(simulator.bill.entries()[0]!.providerRequestId);
  });

  test('assembles a stream', async () => {
    const params = { ...ask('Hello.'), stream_options: { include_usage: true } };
    const final = await connect().chat.completions.stream(params).finalChatCompletion();
    expect(final.choices[0]!.message.content).toHaveLength(40);
    expect(final.usage?.total_tokens).toBe(20);
  });

  test('calls a tool and returns its result', async () => {
    const { completions } = connect().chat;
    const first = await completions.stream({ ...ask('What is the weather?'), tools: [weather] }).finalChatCompletion();
    const [call] = first.choices[0]!.message.tool_calls!;
    if (call?.type !== 'function') throw new Error('not a function call');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) });
    const second = await completions.create({
      model: 'gpt-4o',
      tools: [weather],
      messages: [
        ...ask('What is the weather?').messages,
        first.choices[0]!.message,
        { role: 'tool', tool_call_id: call.id, content: 'sunny' },
      ],
    });
    expect(second.choices[0]!.finish_reason).toBe('stop');
  });

  test('parses an answer with a schema', async () => {
    const schema = { type: 'object', properties: { done: { type: 'boolean' } }, required: ['done'] };
    const completion = await connect().chat.completions.parse({
      ...ask('Are you done?'),
      response_format: { type: 'json_schema', json_schema: { name: 'state', schema } },
    });
    expect(completion.choices[0]!.message.parsed).toEqual({ done: expect.any(Boolean) });
  });

  test('waits before a retry as a rate limit tells it', async () => {
    const completion = await connect().chat.completions.create(ask('Hello. [[sim fault=429:10 times=2]]'));
    expect(completion.choices[0]!.finish_reason).toBe('stop');
    expect(simulator.stats()).toMatchObject({ refusals: { rate_limited: 2 }, outcomes: { completed: 1 } });
  });

  test.each([
    ['400', 'BadRequestError'],
    ['401', 'AuthenticationError'],
    ['404', 'NotFoundError'],
    ['quota_exhausted', 'RateLimitError'],
    ['500', 'InternalServerError'],
    ['529', 'InternalServerError'],
  ])('raises for %s %s', async (fault, name) => {
    const call = connect().chat.completions.create(ask(`[[sim fault=${fault}]]`), { maxRetries: 0 });
    await expect(call).rejects.toThrow(expect.objectContaining({ constructor: expect.objectContaining({ name }) }));
  });

  test('gets an error in the middle of a stream', async () => {
    const stream = await connect().chat.completions.create({ ...ask('[[sim fault=error_event@3]]'), stream: true });
    const read = async () => {
      for await (const chunk of stream) expect(chunk.object).toBe('chat.completion.chunk');
    };
    await expect(read()).rejects.toThrow('The server had an error');
  });

  test('can stop reading a stream in the middle', async () => {
    const stream = await connect().chat.completions.create({ ...ask('[[sim tokens=5000 pace=2]]'), stream: true });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.delta.content) break;
    }
    await simulator.until(({ outcomes }) => outcomes.aborted === 1);
    expect(simulator.bill.totals().outputTokens).toBeLessThan(1_000);
  });

  test('lists and finds models', async () => {
    const client = connect();
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toEqual(['sim-small', 'sim-large']);
    expect((await client.models.retrieve('sim-small')).object).toBe('model');
  });
});
