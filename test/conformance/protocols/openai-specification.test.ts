// What clients of OpenAI's protocols receive, from any provider, checked against OpenAI's own specification. Skipped if the
// machine does not have it.
import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { FAILURES, type FailureCode } from '#src/contracts/failure-table.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { openaiModels } from '#src/protocols/openai/model-list.ts';
import { clientProtocol } from '#src/protocols/registry.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import type { CaseName } from '#test/fixtures/protocols/fixtures.ts';
import { hasOpenaiSchemas, loadOpenaiSchemas } from '#test/support/openai-schemas.ts';
import {
  clientCodec,
  decodeStream,
  decodeWhole,
  encodeContext,
  encodeStream,
  FIXTURES,
  PROVIDER_NAMES,
  providerCodec,
  relayContext,
  SHOWN,
} from './protocols.ts';

const ANSWERS = PROVIDER_NAMES.flatMap((vendor) =>
  Object.entries(FIXTURES[vendor].answers).map(([name, answer]) => [vendor, name, answer] as const),
);

function eventsOf(text: string): JsonObject[] {
  const events = new SseSplitter().push(Buffer.from(text));
  return events.flatMap(({ data }) => (data === null || data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]));
}

/** A message without a type is two kinds of input item at once. */
const AMBIGUOUS = /^\/input(\/\d+)? must (be string|match exactly one schema in oneOf)$/;

describe.skipIf(!hasOpenaiSchemas)('conforms to the specification', () => {
  const schemas = hasOpenaiSchemas ? loadOpenaiSchemas() : null;
  const faultsOf = (schema: string, value: unknown) => schemas!.faultsOf(schema, value);

  /** The specification has no chunks of the older completions, and in chunks of Chat no calls of custom tools. */
  const SHAPES = [
    ['openai-chat', 'CreateChatCompletionResponse', 'CreateChatCompletionStreamResponse'],
    ['openai-completions', 'CreateCompletionResponse', null],
    ['openai-responses', 'Response', 'ResponseStreamEvent'],
  ] as const;

  describe.each(SHAPES)('%s', (client, whole, event) => {
    test.each(ANSWERS)('an answer of %s: %s', (vendor, name, fixture) => {
      const answer = decodeWhole(vendor, fixture.whole);
      const text = clientCodec(client).encodeAnswer(answer, answer.usage!, SHOWN, encodeContext());
      expect(faultsOf(whole, JSON.parse(text))).toEqual([]);
      if (event === null || (client === 'openai-chat' && name === 'custom-tool-call')) return;
      for (const sent of eventsOf(encodeStream(client, decodeStream(vendor, fixture.stream)))) {
        expect({ sent, faults: faultsOf(event, sent) }).toEqual({ sent, faults: [] });
      }
    });
  });

  describe.each([
    ['openai-chat', 'CreateChatCompletionRequest'],
    ['openai-responses', 'CreateResponse'],
  ] as const)('requests to a provider of %s', (vendor, schema) => {
    test.each(PROVIDER_NAMES)('by a client of %s', (client) => {
      for (const [name, body] of Object.entries(FIXTURES[client].requests) as [CaseName, JsonObject][]) {
        const request = clientCodec(client).decodeRequest(body);
        if ('code' in request) throw new Error(request.message);
        // Cases that OpenAI's own models accept; images in answers are OpenRouter's.
        if (vendor === 'openai-chat' && name === 'image-output') continue;
        // The specification has audio among contents, and not among those of messages.
        if (vendor === 'openai-responses' && name === 'audio') continue;
        const model = name === 'web-search' ? 'gpt-4o-search-preview' : 'gpt-4.1';
        const input = { upstreamModel: model, isStream: true, canReportStreamUsage: true };
        const encoded = providerCodec(vendor).encodeRequest(request, input);
        if (encoded.kind === 'refusal') continue;
        const faults = faultsOf(schema, encoded.body).filter((fault) => !AMBIGUOUS.test(fault));
        expect({ name, faults }).toEqual({ name, faults: [] });
      }
    });
  });

  test('embeddings, whether or not their provider counted', () => {
    const data = [{ object: 'embedding', index: 0, embedding: [0.25, -0.5] }];
    for (const usage of [{ usage: { prompt_tokens: 3, total_tokens: 3 } }, {}]) {
      const body = Buffer.from(JSON.stringify({ object: 'list', model: 'text-embedding-3-small', data, ...usage }));
      const relayed = clientProtocol('openai-embeddings').passThrough.relayBody(body, relayContext);
      expect(faultsOf('CreateEmbeddingResponse', JSON.parse(relayed.body.toString()))).toEqual([]);
    }
  });

  test('models: one, and all of them', () => {
    const perToken = { prompt: '0.000001', completion: '0.000004', input_cache_read: '0.0000005' };
    const pricing = { unit: 'USD per 1M tokens', input: 1, cached_input: 0.5, output: 4, ...perToken };
    const models = [
      {
        name: 'gpt-4.1',
        providers: ['openai'],
        pricing,
        facts: { contextTokens: 1_047_576, inputModalities: ['text'] },
      },
      { name: 'claude-opus-5', providers: ['anthropic', 'other'], pricing: null, facts: {} },
    ];
    expect(faultsOf('ListModelsResponse', openaiModels.list(models, {}))).toEqual([]);
    for (const model of models) expect(faultsOf('Model', openaiModels.describe(model))).toEqual([]);
  });

  test.each(Object.keys(FAILURES) as FailureCode[])('the failure %s', (code) => {
    const { body } = clientProtocol('openai-chat').encodeFailure(createFailure(code, 'Why.'), 'req_1');
    expect(faultsOf('ErrorResponse', JSON.parse(body.toString()))).toEqual([]);
  });
});
