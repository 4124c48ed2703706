// The official SDK, in both versions that Sluice supports, works with the simulator as with OpenAI: Responses and embeddings.
// Its stream helper validates every event against the events before it.
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
  name: 'get_weather',
  strict: true,
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
};
const query = { type: 'custom' as const, name: 'run_query' };

/** Result of the client's own tool for a call; nothing for anything else. */
function resultOf(item: OpenAI7.Responses.ResponseOutputItem): OpenAI7.Responses.ResponseInputItem[] {
  switch (item.type) {
    case 'function_call':
      return [{ type: 'function_call_output', call_id: item.call_id, output: 'sunny' }];
    case 'custom_tool_call':
      return [{ type: 'custom_tool_call_output', call_id: item.call_id, output: 'three' }];
    default:
      return [];
  }
}

/** Both versions have the same shape in what this test uses. */
const versions = { '7': OpenAI7, '6': OpenAI6 as unknown as typeof OpenAI7 };

describe.each(['7', '6'] as const)('openai %s', (version) => {
  const OpenAI = versions[version];
  const connect = () => new OpenAI({ apiKey: 'sk-any', baseURL: `${simulator.url}/v1`, maxRetries: 0 });

  test('reads a response and its request id', async () => {
    const response = await connect().responses.create({ model: 'gpt-4o', input: 'Reply with exactly: connected' });
    expect(response.output_text).toBe('connected');
    expect(response.usage?.output_tokens).toBe(3);
    expect(response._request_id).toBe(simulator.bill.entries()[0]!.providerRequestId);
  });

  test('assembles a stream', async () => {
    const stream = connect().responses.stream({ model: 'gpt-4o', input: 'Hello.' });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', ({ delta }) => deltas.push(delta));
    const final = await stream.finalResponse();
    expect(final.status).toBe('completed');
    expect(deltas).toHaveLength(10);
    expect(final.output_text).toBe(deltas.join(''));
    expect(final.usage?.total_tokens).toBe(20);
  });

  test('assembles reasoning, calls of both kinds and their results over two turns', async () => {
    const { responses } = connect();
    const more = { model: 'gpt-5', tools: [weather, query], reasoning: { summary: 'auto' as const }, store: false };
    const question = { role: 'user' as const, content: 'The weather, and a query.' };
    const first = await responses.stream({ ...more, input: [question] }).finalResponse();
    expect(first.output.map(({ type }) => type)).toEqual(['reasoning', 'function_call', 'custom_tool_call']);
    const said = [...first.output, ...first.output.flatMap(resultOf)] as OpenAI7.Responses.ResponseInputItem[];
    const second = await responses.stream({ ...more, input: [question, ...said] }).finalResponse();
    expect(second.output.map(({ type }) => type)).toEqual(['reasoning', 'message']);
    expect(second.output_text).toHaveLength(40);
  });

  test('sends the finished items of a stream, not the announced ones, in the next turn', async () => {
    const { responses } = connect();
    const stream = await responses.create({ model: 'gpt-5', input: 'Hello.', stream: true });
    const items: Record<'added' | 'done', unknown[]> = { added: [], done: [] };
    for await (const event of stream) {
      if (event.type === 'response.output_item.added') items.added.push(event.item);
      if (event.type === 'response.output_item.done') items.done.push(event.item);
    }
    const next = (said: unknown[]) =>
      responses.create({
        model: 'gpt-5',
        input: [{ role: 'user', content: 'Hello.' }, ...said, { role: 'user', content: 'And?' }] as never,
      });
    expect((await next(items.done)).status).toBe('completed');
    await expect(next(items.added)).rejects.toMatchObject({ status: 400, code: 'invalid_encrypted_content' });
  });

  test('parses an answer with a schema, streamed and unstreamed', async () => {
    const schema = { type: 'object', properties: { done: { type: 'boolean' } }, required: ['done'] };
    const params = {
      model: 'gpt-4o',
      input: 'Are you done?',
      text: { format: { type: 'json_schema' as const, name: 'state', schema } },
    };
    const whole = await connect().responses.parse(params);
    expect(JSON.parse(whole.output_text)).toEqual({ done: expect.any(Boolean) });
    expect((await connect().responses.stream(params).finalResponse()).output_text).toBe(whole.output_text);
  });

  test('reads refusals and truncated answers', async () => {
    const { responses } = connect();
    const refused = await responses.stream({ model: 'gpt-4o', input: '[[sim refusal=4]]' }).finalResponse();
    expect(refused.output[0]).toMatchObject({ content: [{ type: 'refusal', refusal: expect.any(String) }] });
    const params = { model: 'gpt-4o', input: '[[sim tokens=40]]', max_output_tokens: 16 };
    const cut = await responses.stream(params).finalResponse();
    expect(cut).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } });
    expect(cut.output_text).toHaveLength(64);
  });

  test.each([
    ['400', 'BadRequestError'],
    ['401', 'AuthenticationError'],
    ['404', 'NotFoundError'],
    ['quota_exhausted', 'RateLimitError'],
    ['500', 'InternalServerError'],
  ])('raises for %s %s', async (fault, name) => {
    const call = connect().responses.create({ model: 'gpt-4o', input: `[[sim fault=${fault}]]` });
    await expect(call).rejects.toThrow(expect.objectContaining({ constructor: expect.objectContaining({ name }) }));
  });

  test('gets an error in the middle of a stream, and a failure as its end', async () => {
    const stream = connect().responses.stream({ model: 'gpt-4o', input: '[[sim fault=error_event@3]]' });
    await expect(stream.finalResponse()).rejects.toThrow();
    const failed = await connect()
      .responses.stream({ model: 'gpt-4o', input: '[[sim fault=failed@3]]' })
      .finalResponse();
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'server_error' } });
  });

  test('can stop reading a stream in the middle', async () => {
    const input = '[[sim tokens=5000 pace=2]]';
    const stream = await connect().responses.create({ model: 'gpt-4o', input, stream: true });
    for await (const { type } of stream) {
      if (type === 'response.output_text.delta') break;
    }
    await simulator.until(({ outcomes }) => outcomes.aborted === 1);
    expect(simulator.bill.totals().outputTokens).toBeLessThan(1_000);
  });

  test('counts the tokens of an input', async () => {
    const params = { model: 'gpt-4o', input: 'Hello.' };
    const { input_tokens: counted } = await connect().responses.inputTokens.count(params);
    expect((await connect().responses.create(params)).usage?.input_tokens).toBe(counted);
  });

  test('gets embeddings in its default encoding and in the other', async () => {
    const { embeddings } = connect();
    const params = { model: 'text-embedding-3-small', input: ['one', 'two'] };
    const packed = await embeddings.create(params);
    const plain = await embeddings.create({ ...params, encoding_format: 'float' });
    expect(simulator.requests()[0]!.body).toContain('base64');
    expect(packed.data.map(({ embedding }) => [...embedding])).toEqual(plain.data.map(({ embedding }) => embedding));
    expect(packed.data[0]!.embedding).toHaveLength(1_536);
    expect(packed.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
  });

  test('can still use legacy completions', async () => {
    const completion = await connect().completions.create({ model: 'gpt-3.5-turbo-instruct', prompt: 'Hello.' });
    expect(completion.choices[0]!.text).toHaveLength(40);
  });
});
