// What clients of OpenAI's protocols are sent, whoever answers, held against OpenAI's own specification. Skipped where the
// machine has none.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#src/protocols/codec.ts';
import { SseSplitter } from '#src/protocols/sse-splitter.ts';
import type { CaseName } from '#test/fixtures/protocols/fixtures.ts';
import { hasOpenaiSchemas, loadOpenaiSchemas } from '#test/support/openai-schemas.ts';
import {
  clientCodec,
  decodeStream,
  decodeWhole,
  encodeContext,
  encodeStream,
  FIXTURES,
  SHOWN,
  VENDOR_NAMES,
  vendorCodec,
} from './protocols.ts';

const ANSWERS = VENDOR_NAMES.flatMap((vendor) =>
  Object.entries(FIXTURES[vendor].answers).map(([name, answer]) => [vendor, name, answer] as const),
);

function eventsOf(text: string): JsonObject[] {
  const events = new SseSplitter().push(Buffer.from(text));
  return events.flatMap(({ data }) => (data === null || data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]));
}

/** A message without a type is two kinds of input item at once. */
const AMBIGUOUS = /^\/input(\/\d+)? must (be string|match exactly one schema in oneOf)$/;

describe.skipIf(!hasOpenaiSchemas)('as the specification has it', () => {
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
  ] as const)('requests to a vendor of %s', (vendor, schema) => {
    test.each(VENDOR_NAMES)('by a client of %s', (client) => {
      for (const [name, body] of Object.entries(FIXTURES[client].requests) as [CaseName, JsonObject][]) {
        const request = clientCodec(client).decodeRequest(body);
        if ('code' in request) throw new Error(request.message);
        // Cases that OpenAI's own models take; pictures in answers are OpenRouter's.
        if (vendor === 'openai-chat' && name === 'image-output') continue;
        // The specification has audio among contents, and not among those of messages.
        if (vendor === 'openai-responses' && name === 'audio') continue;
        const model = name === 'web-search' ? 'gpt-4o-search-preview' : 'gpt-4.1';
        const input = { upstreamModel: model, isStream: true, canReportStreamUsage: true };
        const encoded = vendorCodec(vendor).encodeRequest(request, input);
        if (encoded.kind === 'refusal') continue;
        const faults = faultsOf(schema, encoded.body).filter((fault) => !AMBIGUOUS.test(fault));
        expect({ name, faults }).toEqual({ name, faults: [] });
      }
    });
  });
});
