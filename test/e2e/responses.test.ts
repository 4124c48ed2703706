// The Responses API with stored state, with the official SDKs and providers of every protocol.
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { RESPONSE_MODELS, responseConfiguration } from '#test/support/response-providers.ts';
import { waitFor } from '#test/support/wait.ts';

let simulator: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12, keptRequests: 1_000 });
  broker = await startBroker({ configuration: responseConfiguration(simulator), apis: 2, workers: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await simulator?.close();
});

const clientOf = (Client: typeof OpenAI, api = 0, apiKey = TEST_KEY) =>
  new Client({ baseURL: `${broker.apis[api]!.details.url}/v1`, apiKey, maxRetries: 0 });

const GENERATIONS = [
  { name: 'openai 7', Client: OpenAI },
  { name: 'openai 6', Client: OpenAI6 as unknown as typeof OpenAI },
];
const WEATHER = {
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

/** What the provider was sent last, as text. */
const lastSent = () => JSON.stringify(simulator.requests().at(-1));

describe.each(GENERATIONS)('$name', ({ Client }) => {
  describe.each(RESPONSE_MODELS)('a provider of $protocol', ({ model }) => {
    test('a response can be retrieved on any instance, and deleted', async () => {
      const created = await clientOf(Client).responses.create({ model, input: 'Reply with exactly: kept for later' });
      expect(created).toMatchObject({ id: expect.stringMatching(/^resp_/), status: 'completed', store: true });
      expect(created.output_text).toBe('kept for later');
      const { output_text: _, ...wire } = created as unknown as Record<string, unknown>;
      for (const api of [0, 1]) {
        const found = await clientOf(Client, api).responses.retrieve(created.id);
        expect(found).toMatchObject(wire);
        expect(found.output_text).toBe('kept for later');
      }
      await clientOf(Client, 1).responses.delete(created.id);
      await expect(clientOf(Client).responses.retrieve(created.id)).rejects.toMatchObject({ status: 404 });
    });

    test('a chain of three turns with a tool call has the complete history', async () => {
      const client = clientOf(Client);
      const asked = await client.responses.create({
        model,
        instructions: 'first instructions',
        input: 'What is the weather in Paris?',
        tools: [WEATHER],
        tool_choice: 'required',
      });
      const call = asked.output.find((item) => item.type === 'function_call')!;
      expect(call).toMatchObject({ name: 'get_weather' });
      const told = await client.responses.create({
        model,
        previous_response_id: asked.id,
        input: [{ type: 'function_call_output', call_id: call.call_id, output: 'twenty-one degrees' }],
        tools: [WEATHER],
      });
      expect(told).toMatchObject({ status: 'completed', previous_response_id: asked.id });
      const last = await clientOf(Client, 1).responses.create({
        model,
        previous_response_id: told.id,
        input: 'Reply with exactly: bye',
      });
      expect(last.output_text).toBe('bye');
      const sent = lastSent();
      for (const said of ['weather in Paris', 'get_weather', 'twenty-one degrees', 'exactly: bye']) {
        expect(sent).toContain(said);
      }
      expect(sent).not.toContain('first instructions');
      const items = await client.responses.inputItems.list(last.id, { order: 'asc' });
      expect(items.data.map((item) => item.type)).toEqual(
        expect.arrayContaining(['message', 'function_call', 'function_call_output']),
      );
      expect(items.data.at(-1)).toMatchObject({ role: 'user', content: [{ type: 'input_text' }] });
    });

    test('a conversation contains the items of its turns', async () => {
      const client = clientOf(Client);
      const conversation = await client.conversations.create({ metadata: { topic: 'tea' } });
      const first = await client.responses.create({
        model,
        conversation: conversation.id,
        input: 'Reply with exactly: green tea',
      });
      expect(first).toMatchObject({ conversation: { id: conversation.id } });
      const second = await clientOf(Client, 1).responses.create({
        model,
        conversation: { id: conversation.id },
        input: 'Reply with exactly: black tea',
        stream: true,
      });
      for await (const _ of second);
      expect(lastSent()).toContain('green tea');
      const items = await waitFor('both turns', async () => {
        const page = await client.conversations.items.list(conversation.id, { order: 'asc' });
        return page.data.length >= 4 ? page.data : null;
      });
      expect(items.map((item) => ('role' in item ? item.role : item.type))).toEqual([
        'user',
        'assistant',
        'user',
        'assistant',
      ]);
    });

    test('a background response is queued at once and can be polled until its end', async () => {
      const client = clientOf(Client);
      const queued = await client.responses.create({
        model,
        background: true,
        input: '[[sim tokens=20 pace=20]] slowly',
      });
      expect(queued).toMatchObject({ status: 'queued', background: true, output: [] });
      const seen = new Set<string>();
      const done = await waitFor('its end', async () => {
        const now = await clientOf(Client, 1).responses.retrieve(queued.id);
        seen.add(String(now.status));
        return now.status === 'completed' ? now : null;
      });
      expect([...seen].at(-1)).toBe('completed');
      expect(done).toMatchObject({ id: queued.id, background: true, created_at: queued.created_at });
      const { output_tokens: tokens, output_tokens_details: details } = done.usage!;
      expect(tokens - details.reasoning_tokens).toBe(20);
    });

    test('a background response can be cancelled, also twice', async () => {
      const client = clientOf(Client);
      const queued = await client.responses.create({
        model,
        background: true,
        stream: true,
        input: '[[sim tokens=2000 pace=20]] endless',
      });
      let id = '';
      for await (const event of queued) {
        if (event.type === 'response.queued') id = event.response.id;
        if (event.type === 'response.output_text.delta') break;
      }
      const cancelled = await clientOf(Client, 1).responses.cancel(id);
      expect(cancelled).toMatchObject({ id, status: 'cancelled', completed_at: null });
      expect(await client.responses.cancel(id)).toMatchObject({ status: 'cancelled' });
      await booksClosed(broker);
      const kept = await client.responses.retrieve(id);
      expect(kept).toMatchObject({ status: 'cancelled' });
      expect(kept.output_text.length).toBeGreaterThan(3);
    });

    test('a background stream can be resumed after any event, on another instance', async () => {
      const client = clientOf(Client);
      const stream = await client.responses.create({
        model,
        background: true,
        stream: true,
        input: '[[sim tokens=30 pace=20]] a story',
      });
      const first: { type: string; sequence_number: number }[] = [];
      let id = '';
      for await (const event of stream) {
        if (event.type === 'response.queued') id = event.response.id;
        first.push(event as (typeof first)[number]);
        if (first.length === 12) break;
      }
      expect(first.slice(0, 3).map((event) => event.type)).toEqual([
        'response.created',
        'response.queued',
        'response.in_progress',
      ]);
      const after = first.at(-1)!.sequence_number;
      const rest = [];
      const resumed = await clientOf(Client, 1).responses.retrieve(id, { stream: true, starting_after: after });
      for await (const event of resumed) rest.push(event);
      const numbers = [...first, ...(rest as typeof first)].map((event) => event.sequence_number);
      expect(numbers).toEqual(numbers.map((_, index) => index));
      expect(rest.at(-1)!.type).toBe('response.completed');
      // The same again, from the start, after the end.
      const again = [];
      for await (const event of await client.responses.retrieve(id, { stream: true })) again.push(event);
      expect(again.map((event) => event.type)).toEqual([...first, ...rest].map((event) => event.type));
      // The SDK's own helper, which checks every event.
      const runner = clientOf(Client, 1).responses.stream({ response_id: id, starting_after: after });
      expect(await runner.finalResponse()).toMatchObject({ id, status: 'completed' });
      const last = again.at(-1) as { response: { id: string; output: unknown[] } };
      expect(last.response).toMatchObject({ id, output: [expect.objectContaining({ type: 'message' })] });
    });
  });
});
