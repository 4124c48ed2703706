// A stream that broke off under a client's eyes and was gone on with: wherever it broke, whichever vendors began and
// finished it, the client has one answer, the same that one vendor alone would have given.
import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import type { AnswerDecoder, JsonObject, ResumedStream } from '#src/protocols/codec.ts';
import { type ContinueMode, ContinuingDecoder, markRescued } from '#src/protocols/continue-stream.ts';
import type { StreamRelay } from '#src/protocols/protocol.ts';
import { type SseEvent, SseSplitter, splitEvents } from '#src/protocols/sse-splitter.ts';
import { TranslatedStream } from '#src/protocols/translate.ts';
import type { AnswerCaseName, RareAnswerCaseName } from '#test/fixtures/protocols/fixtures.ts';
import {
  CLIENT_NAMES,
  type ClientName,
  clientCodec,
  DECODE_CONTEXT,
  decodeStream,
  encodeContext,
  encodeStream,
  FIXTURES,
  readStream,
  relayContext,
  SHOWN,
  VENDOR_NAMES,
  type VendorName,
  vendorCodec,
} from './protocols.ts';

const TEXTS: (AnswerCaseName | RareAnswerCaseName)[] = [
  ...(['text', 'truncated', 'cached-usage', 'reasoning', 'service-tier', 'filtered'] as const),
  ...(['log-probabilities', 'stop-sequence', 'redacted-thinking'] as const),
];

/** Vendor, case, and its stream. */
const STREAMS = VENDOR_NAMES.flatMap((vendor) =>
  TEXTS.flatMap((name) => {
    const answer = FIXTURES[vendor].answers[name];
    return answer === undefined ? [] : [[vendor, name, answer.stream] as const];
  }),
);

/** What the client has when its stream breaks: the bytes so far, for every event of it. */
function beginnings(client: ClientName, vendor: VendorName, stream: string): string[] {
  const encoder = clientCodec(client).openEncoder(encodeContext());
  const pieces = decodeStream(vendor, stream).flatMap((event) => {
    if (event.kind === 'usage' || event.kind === 'ping' || event.kind === 'end' || event.kind === 'error') return [];
    const text = encoder.encode(event);
    return client === 'gemini-generate-content-array' ? [text] : splitEvents(Buffer.from(text)).map(String);
  });
  return pieces.map((_, count) => pieces.slice(0, count + 1).join('')).filter((delivered) => delivered !== '');
}

function resume(client: ClientName, delivered: string): ResumedStream | null {
  return clientCodec(client).resumeEncoder!(Buffer.from(delivered), encodeContext());
}

/** What the client is sent after its stream was resumed. */
function goOn(resumed: ResumedStream, decoder: AnswerDecoder, mode: ContinueMode, events: readonly SseEvent[]): string {
  const encoder = markRescued(resumed.encoder, 2);
  const relay: StreamRelay = new TranslatedStream(new ContinuingDecoder(decoder, resumed, mode), encoder, relayContext);
  const relayed = [...events.map((event) => relay.accept(event)), relay.end()];
  return relayed
    .map(({ bytes, failure }) => {
      if (failure !== undefined) throw new Error(failure.message);
      return bytes?.toString() ?? '';
    })
    .join('');
}

const NO_EVENT: SseEvent = { raw: Buffer.alloc(0), name: null, data: null, hasId: false };

/** A vendor that was given what the client has, and goes on behind it. */
function prefilled(text: string, resumed: ResumedStream, finish: AnswerEvent): [AnswerDecoder, SseEvent[]] {
  const at = { choice: 0, part: 0 };
  const events: AnswerEvent[] = [
    { kind: 'answer-start', id: 'other', model: 'other-model' },
    { kind: 'part-start', ...at, start: { kind: 'text' } },
    { kind: 'part-delta', ...at, delta: text.slice(resumed.text.length) },
    { kind: 'part-end', ...at },
    finish,
  ];
  return [{ decode: () => events.splice(0, 1), close: () => [] }, events.map(() => NO_EVENT)];
}

const textOf = (parts: readonly Part[]) => parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');

describe.each(CLIENT_NAMES)('a stream to a client of %s', (client) => {
  describe.each(STREAMS)('begun by %s: %s', (vendor, name, stream) => {
    const events = decodeStream(vendor, stream);
    const whole = readStream(client, encodeStream(client, events));
    const text = textOf(whole.choices[0]!.parts);

    test('is whole wherever it broke, when the vendor starts over', () => {
      for (const delivered of beginnings(client, vendor, stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null) continue;
        const again = new SseSplitter().push(Buffer.from(stream));
        const joined = delivered + goOn(resumed, vendorCodec(vendor).openDecoder(DECODE_CONTEXT), 'repeat', again);
        const read = readStream(client, joined);
        expectSame(client, read, whole);
        expectGoesOn(client, joined);
      }
    });

    test('is whole wherever it broke, when a vendor goes on behind it', () => {
      const finish = events.find((event) => event.kind === 'finish')!;
      for (const delivered of beginnings(client, vendor, stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null || !text.startsWith(resumed.text)) continue;
        const [decoder, rest] = prefilled(text, resumed, finish);
        const read = readStream(client, delivered + goOn(resumed, decoder, 'prefill', rest));
        expect(textOf(read.choices[0]!.parts)).toBe(text);
        expect(read.choices[0]!.finishReason).toBe(whole.choices[0]!.finishReason);
      }
    });

    test('can be gone on with until its text is over, and never after its finish', () => {
      for (const delivered of beginnings(client, vendor, stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null) expect(saidAll(client, delivered, text), delivered).toBe(true);
        else expect(text.startsWith(resumed.text), name).toBe(true);
      }
      expect(resume(client, encodeStream(client, events))).toBeNull();
    });
  });

  test.each(VENDOR_NAMES)('begun by another vendor is finished by %s', (vendor) => {
    for (const first of VENDOR_NAMES) {
      const whole = readStream(client, encodeStream(client, decodeStream(first, FIXTURES[first].answers.text.stream)));
      for (const delivered of beginnings(client, first, FIXTURES[first].answers.text.stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null) continue;
        const again = new SseSplitter().push(Buffer.from(FIXTURES[vendor].answers.text.stream));
        const decoder = vendorCodec(vendor).openDecoder(DECODE_CONTEXT);
        const read = readStream(client, delivered + goOn(resumed, decoder, 'repeat', again));
        expect(read.choices).toEqual(whole.choices);
        expect([read.id, read.model]).toEqual([whole.id, whole.model]);
      }
    }
  });

  test.each(['tool-call', 'mixed', 'parallel-tool-calls', 'unicode'] as const)(
    '%s is left where it is once it is more than a text',
    (name) => {
      for (const vendor of VENDOR_NAMES) {
        const all = beginnings(client, vendor, FIXTURES[vendor].answers[name].stream);
        const last = resume(client, all.at(-1) ?? '');
        // The older completions show nothing but the text.
        if (all.length > 0 && client !== 'openai-completions') expect(last).toBeNull();
      }
    },
  );

  test('several answers are not gone on with', () => {
    const body = { model: 'm', n: 2, generationConfig: { candidateCount: 2 } };
    const [delivered] = beginnings(client, 'openai-chat', FIXTURES['openai-chat'].answers.choices!.stream).slice(-1);
    const resumed = clientCodec(client).resumeEncoder!(Buffer.from(delivered!), encodeContext(body));
    if (client !== 'openai-responses' && client !== 'anthropic-messages') expect(resumed).toBeNull();
  });
});

/** A thought that broke off stays broken, and unsigned; everything else is as if nothing had happened. */
function expectSame(
  client: ClientName,
  read: ReturnType<typeof readStream>,
  whole: ReturnType<typeof readStream>,
): void {
  const [choice, expected] = [read.choices[0]!, whole.choices[0]!];
  const others = ({ parts, logProbabilities: _tokens, ...rest }: typeof choice) => rest;
  expect(others(choice)).toEqual(others(expected));
  expect([read.id, read.model, read.usage]).toEqual([whole.id, whole.model, whole.usage]);
  expect(textOf(choice.parts)).toBe(textOf(expected.parts));
  if (client === 'openai-chat' || client === 'openai-completions') expect(read.createdAt).toBe(whole.createdAt);
}

/** Ids and numbers are those of one stream. */
function expectGoesOn(client: ClientName, text: string): void {
  if (client === 'gemini-generate-content-array') return;
  const events = new SseSplitter()
    .push(Buffer.from(text))
    .flatMap(({ data }) => (data === null || data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]));
  if (client === 'openai-chat' || client === 'openai-completions') {
    expect(new Set(events.map(({ id }) => id)).size).toBe(1);
    expect(new Set(events.map(({ created }) => created)).size).toBe(1);
  }
  if (client === 'openai-responses') {
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, place) => place));
    const ids = events.flatMap(({ response }) => (response as JsonObject | undefined)?.id ?? []);
    expect(new Set(ids).size).toBe(1);
  }
  expect(events.filter(({ x_sluice: mark }) => mark !== undefined)).toHaveLength(1);
}

/** The client has the whole text, so that what follows it may have begun. */
function saidAll(client: ClientName, delivered: string, text: string): boolean {
  const inner = client === 'gemini-generate-content-array' ? `${delivered}]` : delivered;
  const closed = client === 'gemini-generate-content-array' ? JSON.parse(inner) : null;
  const values = closed ?? new SseSplitter().push(Buffer.from(inner)).map(({ data }) => JSON.parse(data!));
  return saidIn(values) === text;
}

/** Texts of all formats, by the members that bear them in streams. */
// biome-ignore lint/suspicious/noExplicitAny: events of any format
function saidIn(values: readonly any[]): string {
  return values
    .map((event) => {
      if (event.type === 'response.output_text.delta') return event.delta;
      if (event.type === 'content_block_delta') return event.delta.text ?? '';
      const [choice] = event.choices ?? [];
      if (choice !== undefined) return choice.text ?? choice.delta?.content ?? '';
      const parts = event.candidates?.[0]?.content?.parts ?? [];
      return parts.map((part: JsonObject) => (part.thought === true ? '' : part.text)).join('');
    })
    .join('');
}

describe.each(VENDOR_NAMES)('a stream that %s broke off', (vendor) => {
  const { stream } = FIXTURES[vendor].answers.text;
  const events = new SseSplitter().push(Buffer.from(stream));

  test.each(CLIENT_NAMES)('leaves its text open to a client of %s', (client) => {
    const whole = readStream(client, encodeStream(client, decodeStream(vendor, stream)));
    let resumes = 0;
    for (let count = 0; count < events.length; count++) {
      const encoder = clientCodec(client).openEncoder(encodeContext());
      const relay = new TranslatedStream(vendorCodec(vendor).openDecoder(DECODE_CONTEXT), encoder, relayContext);
      const delivered = [...events.slice(0, count).map((event) => relay.accept(event)), relay.end()]
        .map(({ bytes }) => bytes?.toString() ?? '')
        .join('');
      if (relay.isComplete() || delivered === '') continue;
      const resumed = resume(client, delivered);
      // Anthropic ends a text before it says that the answer is over.
      if (resumed === null && saidAll(client, delivered, textOf(whole.choices[0]!.parts))) continue;
      const joined = delivered + goOn(resumed!, vendorCodec(vendor).openDecoder(DECODE_CONTEXT), 'repeat', events);
      expectSame(client, readStream(client, joined), whole);
      resumes++;
    }
    expect(resumes).toBeGreaterThan(0);
  });
});

describe('what a vendor of the client’s own protocol began', () => {
  test.each(VENDOR_NAMES)('%s', (name) => {
    const { stream } = FIXTURES[name].answers.reasoning;
    const vendorEvents = splitEvents(Buffer.from(stream.replaceAll('\r\n', '\n'))).map(String);
    const first = readStream(name, stream);
    let resumes = 0;
    for (let count = 1; count < vendorEvents.length; count++) {
      const delivered = vendorEvents.slice(0, count).join('');
      const resumed = resume(name, delivered);
      if (resumed === null) continue;
      resumes++;
      const other = VENDOR_NAMES.find((vendor) => vendor !== name)!;
      const again = new SseSplitter().push(Buffer.from(FIXTURES[other].answers.text.stream));
      const joined = delivered + goOn(resumed, vendorCodec(other).openDecoder(DECODE_CONTEXT), 'repeat', again);
      const read = readStream(name, joined);
      expect([read.id, read.model]).toEqual([first.id, first.model]);
      expect(textOf(read.choices[0]!.parts)).toBe(textOf(first.choices[0]!.parts));
      expectGoesOn(name, joined);
    }
    expect(resumes).toBeGreaterThan(2);
  });
});

test('what is shown is the price of all attempts', () => {
  const [delivered] = beginnings('openai-chat', 'openai-chat', FIXTURES['openai-chat'].answers.text.stream);
  const resumed = resume('openai-chat', delivered!)!;
  const end = resumed.encoder.end({ ...relayUsage }, SHOWN);
  expect(end).toContain('"cost":0.6');
});

const relayUsage = {
  inputTokens: 1,
  cachedInputTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 1,
  reasoningTokens: 0,
  isEstimated: false,
};
