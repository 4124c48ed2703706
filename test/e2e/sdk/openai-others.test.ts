// The rest of the SDK `openai`: embeddings, which only providers of the same protocol support, and legacy completions, which
// all support.
import OpenAI from 'openai';
import OpenAI6 from 'openai6';
import { describe, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { PROVIDER_MODELS, useProviders } from '#test/support/sdk/providers.ts';

const vendors = useProviders();
const GENERATIONS = [
  { name: 'openai 7', Client: OpenAI },
  { name: 'openai 6', Client: OpenAI6 as unknown as typeof OpenAI },
];

describe.each(GENERATIONS)('$name', ({ Client }) => {
  const connect = () => new Client({ baseURL: `${vendors.broker.url}/v1`, apiKey: TEST_KEY, maxRetries: 0 });

  describe('embeddings', () => {
    test('vectors are numbers, one for each text, with their cost', async () => {
      const { data, usage } = await connect().embeddings.create({ model: 'embedding', input: ['one', 'two'] });
      expect(data.map(({ embedding }) => embedding.length)).toEqual([1_536, 1_536]);
      expect(usage).toMatchObject({ prompt_tokens: expect.any(Number), cost: expect.any(Number) });
    });

    test('have the requested size and encoding', async () => {
      const more = { dimensions: 8, encoding_format: 'base64' as const };
      const { data } = await connect().embeddings.create({ model: 'embedding', input: 'one', ...more });
      expect(Buffer.from(String(data[0]!.embedding), 'base64').byteLength).toBe(8 * Float32Array.BYTES_PER_ELEMENT);
    });

    test('a model without embeddings gets a 400 that explains it', async () => {
      const asked = connect().embeddings.create({ model: 'claude-opus-5', input: 'one' });
      await expect(asked).rejects.toMatchObject({ status: 400, param: 'model' });
    });
  });

  describe.each(PROVIDER_MODELS)('completions by $model', ({ model }) => {
    const asked = { model, prompt: 'Reply with exactly: connected at last', max_tokens: 100 };

    test('unstreamed', async () => {
      const { choices, usage } = await connect().completions.create(asked);
      expect(choices).toMatchObject([{ text: 'connected at last', finish_reason: 'stop', index: 0 }]);
      expect(usage).toMatchObject({ completion_tokens: expect.any(Number), cost: expect.any(Number) });
    });

    test('streamed, with usage if requested', async () => {
      const stream = await connect().completions.create({
        ...asked,
        stream: true,
        stream_options: { include_usage: true },
      });
      const chunks = [];
      for await (const chunk of stream) chunks.push(chunk);
      expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe('connected at last');
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { cost: expect.any(Number) } });
    });
  });
});
