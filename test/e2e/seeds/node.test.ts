// The Node examples of ImageRouter's documentation, with the SDK that they name in both of its generations.
import OpenAI7 from 'openai';
import OpenAI6 from 'openai6';
import { afterEach, describe, expect, test } from 'vitest';
import {
  expectChunks,
  expectCompletion,
  expectCostInLastChunk,
  expectResponse,
  expectResponseEvents,
} from '#test/support/seed-expectations.ts';
import { SEED_PROVIDERS, useSeedProviders } from '#test/support/seed-providers.ts';

const vendors = useSeedProviders();
const GENERATIONS = [
  { name: 'openai 7', OpenAI: OpenAI7 },
  { name: 'openai 6', OpenAI: OpenAI6 as unknown as typeof OpenAI7 },
];

afterEach(() => vendors.answerBy('openai'));

describe.each(GENERATIONS)('$name', ({ OpenAI }) => {
  describe.each(SEED_PROVIDERS)('answered by %s', (provider) => {
    const connect = () => {
      vendors.answerBy(provider);
      return new OpenAI({
        apiKey: vendors.localise('YOUR_API_KEY'),
        baseURL: vendors.localise('https://api.imagerouter.io/v1/openai'),
        maxRetries: 0,
      });
    };

    test('a completion', async () => {
      const completion = await connect().chat.completions.create({
        model: 'openai/gpt-4o-mini',
        messages: [{ role: 'user', content: 'Write a haiku about the ocean.' }],
      });
      expect(completion.choices[0]!.message.content).not.toBe('');
      expectCompletion(completion, provider);
    });

    test('a stream', async () => {
      const stream = await connect().chat.completions.create({
        model: 'openai/gpt-4o-mini',
        messages: [{ role: 'user', content: 'Write a haiku about the ocean.' }],
        stream: true,
      });
      const chunks = [];
      let written = '';
      for await (const chunk of stream) {
        chunks.push(chunk);
        written += chunk.choices[0]?.delta?.content || '';
      }
      expect(written).not.toBe('');
      expect(expectChunks(chunks)).toBe(written);
      expectCostInLastChunk(chunks);
    });

    test('Responses', async () => {
      const response = await connect().responses.create({
        model: 'openai/gpt-4o-mini',
        input: 'Write a haiku about the ocean.',
      });
      expect(response.output_text).not.toBe('');
      expectResponse(response);
    });

    test('Responses, streamed', async () => {
      const stream = await connect().responses.create({
        model: 'openai/gpt-4o-mini',
        input: 'Write a haiku about the ocean.',
        stream: true,
      });
      const events = [];
      let written = '';
      for await (const event of stream) {
        events.push(event);
        if (event.type === 'response.output_text.delta') written += event.delta;
      }
      expect(written).not.toBe('');
      expect(expectResponseEvents(events)).toBe(written);
    });
  });
});
