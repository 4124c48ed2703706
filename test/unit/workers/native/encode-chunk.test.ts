// What of a chunk is sent to its provider, in its protocol, and what must be left out.
import { expect, test } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { clientProtocol, findBatchProtocol, findProtocolRoute } from '#src/protocols/registry.ts';
import type { RunnableLine } from '#workers/batches/line-runner.ts';
import type { SettleInput } from '#workers/batches/native/settle-lines.ts';
import { encodeChunk } from '#workers/batches/native/submit-chunk.ts';

const PRICE = { input: 2, output: 8 };

function inputFor(vendor: string, chunkBytes: number, lines = 100): SettleInput {
  const configuration = configurationSchema.parse({
    providers: { vendor: { protocols: [vendor], base_url: 'http://127.0.0.1:1', api_key: 'sk-secret' } },
    models: { m: { deployments: [{ provider: 'vendor', model: 'upstream', price: PRICE, batch: 'native' }] } },
    batches: { native: { chunk_bytes: chunkBytes } },
  });
  const catalogue = createCatalogue(configuration);
  const protocol = findBatchProtocol(vendor)!;
  return {
    context: {
      configuration,
      catalogue,
      instanceId: 'batches_1',
      fileResolver: { resolve: async (_: string, body: object) => body },
    },
    origin: {
      batch: { id: `batch_${'0'.repeat(24)}`, endpoint: '/v1/chat/completions', expiresAtMs: 0 },
      key: { id: 'key_1', settings: { limits: {} }, above: [], credits: null },
      client: clientProtocol('openai-chat'),
      replyShards: 1,
    },
    target: {
      deployment: catalogue.deployments.get('vendor/upstream')!,
      upstreamModel: 'upstream',
      route: findProtocolRoute('openai-chat', [vendor as 'openai-chat'])!,
      protocol: { ...protocol, limits: { ...protocol.limits, lines } },
    },
    chunk: { deployment: 'vendor/upstream', provider: 'vendor', upstreamModel: 'upstream', createdAtMs: 0 },
  } as unknown as SettleInput;
}

const places = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ number: index + 1, offset: 0, length: 1 }));
const numbers = (lines: readonly { number: number }[]) => lines.map(({ number }) => number);

function reload(more: (number: number) => object = () => ({})) {
  return async (place: { number: number; offset: number; length: number }): Promise<RunnableLine> => {
    const content = `Line ${place.number}.`;
    const value = { model: 'm', max_tokens: 10, messages: [{ role: 'user', content }], ...more(place.number) };
    return { ...place, customId: `line-${place.number}`, value, body: Buffer.from(JSON.stringify(value)) };
  };
}

test.each(['openai-chat', 'anthropic-messages', 'gemini-generate-content'])(
  'lines in the protocol %s',
  async (vendor) => {
    const { lines, kept, rejected, overflow, cost } = await encodeChunk(inputFor(vendor, 1e6), places(2), reload());
    expect(numbers(kept)).toEqual([1, 2]);
    expect([rejected, overflow]).toEqual([[], []]);
    expect(cost).toBe(100_000_000n);
    const [first] = lines.map((line) => line.toString());
    expect(first).toContain('Line 1.');
    expect(first).toMatch(/req_0[0-9a-z]{24}/);
    expect(first).not.toContain('sk-secret');
  },
);

test('lines that the protocol cannot express are rejected', async () => {
  const audio = { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } };
  const more = (number: number) => (number === 2 ? audio : {});
  const encoded = await encodeChunk(inputFor('anthropic-messages', 1e6), places(3), reload(more));
  expect(numbers(encoded.kept)).toEqual([1, 3]);
  expect(numbers(encoded.rejected)).toEqual([2]);
});

test('from the first line that does not fit, lines are left for another chunk', async () => {
  const encoded = await encodeChunk(inputFor('openai-chat', 1e6, 2), places(150), reload());
  expect(numbers(encoded.kept)).toEqual([1, 2]);
  expect(encoded.overflow).toHaveLength(148);
  expect(encoded.overflow[0]!.number).toBe(3);
});

test('a line that could never fit is rejected', async () => {
  const more = (number: number) => (number === 1 ? { metadata: { text: 'x'.repeat(5_000) } } : {});
  const encoded = await encodeChunk(inputFor('openai-chat', 1_000), places(2), reload(more));
  expect(numbers(encoded.rejected)).toEqual([1]);
  expect(numbers(encoded.kept)).toEqual([2]);
});
