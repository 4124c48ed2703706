// What holds for every conversation, every stream and every cut of it. Runs are bounded; a failure prints the seed that
// repeats it (fast-check's `seed` and `path`).
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { InferenceRequest, Part } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { MODEL } from '#test/fixtures/protocols/fixtures.ts';
import { explore } from '#test/support/runs.ts';
import { collectAnswer } from './collect-answer.ts';
import { answerEvents, conversation } from './conversations.ts';
import {
  CLIENT_NAMES,
  type ClientName,
  clientCodec,
  DECODE_CONTEXT,
  decodeBytes,
  encodeStream,
  PROVIDER_NAMES,
  type ProviderName,
  providerCodec,
  readStream,
} from './protocols.ts';

const runs = (usual: number) => ({ ...explore(usual), endOnFailure: false });

const PAIRS = PROVIDER_NAMES.flatMap((client) => PROVIDER_NAMES.map((vendor) => [client, vendor] as const));

function encodeFor(vendor: ProviderName, request: InferenceRequest): JsonObject {
  const input = { upstreamModel: MODEL, isStream: false, canReportStreamUsage: true };
  const encoded = providerCodec(vendor).encodeRequest(request, input);
  if (encoded.kind === 'refusal') throw new Error(`${encoded.field} ${encoded.reason}`);
  return encoded.body;
}

function decodeAs(client: ProviderName, body: JsonObject): InferenceRequest {
  const request = clientCodec(client).decodeRequest({ model: MODEL, ...body });
  if (isFailure(request)) throw new Error(request.message);
  return request;
}

/** What must be kept through any protocols: the roles of texts, the calls, their results, the images, in order. */
function essence({ turns, tools }: InferenceRequest) {
  const system = turns.filter(({ role }) => role === 'system' || role === 'developer');
  const said = turns
    .filter((turn) => !system.includes(turn))
    .flatMap((turn) => turn.parts.map((part) => [turn.role, part] as const));
  return {
    system: system.flatMap(({ parts }) => parts.map((part) => (part.kind === 'text' ? part.text : ''))).join('\n'),
    said: joined(said.flatMap(([role, part]) => essenceOf(role, part))),
    tools: tools.map(({ name, description }) => ({ name, description })),
  };
}

function essenceOf(role: string, part: Part): string[][] {
  switch (part.kind) {
    case 'text':
      return [[role, 'text', part.text]];
    case 'tool-call':
      return [[role, 'call', part.id, part.name, sorted(part.arguments)]];
    case 'tool-result':
      return [['result', part.callId, part.parts.map((inner) => (inner.kind === 'text' ? inner.text : '')).join('')]];
    case 'image':
      return [[role, 'image', part.source.kind === 'base64' ? part.source.data : '']];
    default:
      return [];
  }
}

/** −0 is 0 to JSON. */
function sorted(json: string): string {
  return JSON.stringify(JSON.parse(json));
}

/** Texts of one speaker that follow each other are one text: not every protocol knows where one ended. */
function joined(said: readonly string[][]): string[][] {
  const parts: string[][] = [];
  for (const [role, kind, text, ...rest] of said) {
    const last = parts.at(-1);
    if (kind === 'text' && last?.[0] === role && last?.[1] === 'text') last[2] += text!;
    else parts.push([role!, kind!, text!, ...rest]);
  }
  return parts;
}

describe('a conversation keeps its texts, calls, results, pictures and their order', () => {
  test.each(PAIRS)('from a client of %s to a provider of %s', (client, vendor) => {
    return fc.assert(
      fc.property(conversation, (request) => {
        const asked = decodeAs(client, encodeFor(client, request));
        const sent = decodeAs(vendor, encodeFor(vendor, asked));
        expect(essence(sent)).toEqual(essence(request));
      }),
      runs(100),
    );
  });
});

describe('an answer keeps its texts and calls, and none of its parts overlap', () => {
  test.each(CLIENT_NAMES)('streamed to a client of %s', (client) => {
    return fc.assert(
      fc.property(answerEvents, (events) => {
        const read = readStream(client, encodeStream(client, events));
        expect(read.failure).toBeNull();
        const [before, after] = [collectAnswer(events).choices[0]!, read.choices[0]];
        expect(shownText(after?.parts ?? [])).toBe(expectedText(client, before.parts));
        if (client === 'openai-completions') return;
        expect(callsIn(after?.parts ?? [])).toEqual(callsIn(before.parts));
      }),
      runs(200),
    );
  });
});

function callsIn(parts: readonly Part[]): string[][] {
  return parts.flatMap((part) => (part.kind === 'tool-call' ? [[part.id, part.name, sorted(part.arguments)]] : []));
}

/**
 * Some clients get refusals as texts, others get them after the texts. Some get links instead of images, and withheld content
 * without a text becomes one.
 */
function shownText(parts: readonly Part[]): string {
  const said = parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('');
  return said.replace(/!\[image\]\([^)]*\)/g, '').replace(/^The provider withheld the answer \(SAFETY\)\.$/, '');
}

function expectedText(client: ClientName, parts: readonly Part[]): string {
  const ofKind = (kind: 'text' | 'refusal') => parts.map((part) => (part.kind === kind ? part.text : '')).join('');
  const [text, refusal] = [ofKind('text'), ofKind('refusal')];
  return client === 'anthropic-messages' ? text + refusal : shownText(parts);
}

/** Up to four places to cut. */
const cuts = fc.array(fc.nat({ max: 20_000 }), { maxLength: 4 });

const placesIn = (bytes: Buffer, at: readonly number[]) =>
  at.map((place) => place % (bytes.length + 1)).toSorted((one, other) => one - other);

/** Texts compare faster than trees. */
const print = (value: unknown) =>
  JSON.stringify(value, (_key, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner));

const line = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, ' ')),
  fc.constantFrom('data: {"a":1}', 'data:', 'event: x', ': ping', 'id: 7', 'data: [DONE]', '', '', '\ufeffdata: b'),
);
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const sseText = fc.array(fc.tuple(line, lineEnd), { maxLength: 12 }).map((lines) => lines.flat().join(''));

describe('bytes arriving in any pieces', () => {
  test('the splitter gives the same events', () => {
    return fc.assert(
      fc.property(sseText, cuts, (text, at) => {
        const bytes = Buffer.from(text);
        const split = (places: readonly number[]) => {
          const splitter = new SseSplitter();
          const ends = [...places, bytes.length];
          const events = ends.flatMap((end, nth) => splitter.push(bytes.subarray(ends[nth - 1] ?? 0, end)));
          return [...events, splitter.end()].map((event) => print(event && { ...event, raw: event.raw.toString() }));
        };
        expect(split(placesIn(bytes, at))).toEqual(split([]));
      }),
      runs(1_000),
    );
  });

  test.each(PROVIDER_NAMES)('the decoder of %s gives the same events', (vendor) => {
    return fc.assert(
      fc.property(answerEvents, cuts, (events, at) => {
        const bytes = Buffer.from(encodeStream(vendor, events));
        const decode = (places: readonly number[]) =>
          decodeBytes(providerCodec(vendor).openDecoder(DECODE_CONTEXT), bytes, places);
        expect(print(decode(placesIn(bytes, at)))).toBe(print(decode([])));
      }),
      runs(200),
    );
  });
});
