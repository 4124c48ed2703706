// A broken stream that is continued: wherever it broke, and whichever providers began and finished it, the client has one
// answer, the same as from a single provider.
import { describe, expect, test } from 'vitest';
import { TranslatedStream } from '#src/protocols/translate/translate-answer.ts';
import { SseSplitter, splitEvents } from '#src/protocols/wire/sse-splitter.ts';
import type { AnswerCaseName, RareAnswerCaseName } from '#test/fixtures/protocols/fixtures.ts';
import { beginnings, expectGoesOn, expectSame, goOn, prefilled, resume, saidAll, textOf } from './broken-streams.ts';
import {
  CLIENT_NAMES,
  clientCodec,
  DECODE_CONTEXT,
  decodeStream,
  encodeContext,
  encodeStream,
  FIXTURES,
  PROVIDER_NAMES,
  providerCodec,
  readStream,
  relayContext,
  SHOWN,
} from './protocols.ts';

const TEXTS: (AnswerCaseName | RareAnswerCaseName)[] = [
  ...(['text', 'truncated', 'cached-usage', 'reasoning', 'service-tier', 'filtered'] as const),
  ...(['log-probabilities', 'stop-sequence', 'redacted-thinking'] as const),
];

/** Provider, case, and its stream. */
const STREAMS = PROVIDER_NAMES.flatMap((vendor) =>
  TEXTS.flatMap((name) => {
    const answer = FIXTURES[vendor].answers[name];
    return answer === undefined ? [] : [[vendor, name, answer.stream] as const];
  }),
);

describe.each(CLIENT_NAMES)('a stream to a client of %s', (client) => {
  describe.each(STREAMS)('started by %s: %s', (vendor, name, stream) => {
    const events = decodeStream(vendor, stream);
    const whole = readStream(client, encodeStream(client, events));
    const text = textOf(whole.choices[0]!.parts);

    test('is complete wherever it broke if the provider starts over', () => {
      for (const delivered of beginnings(client, vendor, stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null) continue;
        const again = new SseSplitter().push(Buffer.from(stream));
        const joined = delivered + goOn(resumed, providerCodec(vendor).openDecoder(DECODE_CONTEXT), 'repeat', again);
        const read = readStream(client, joined);
        expectSame(client, read, whole);
        expectGoesOn(client, joined);
      }
    });

    test('is complete wherever it broke if a provider continues it', () => {
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

    test('can be continued until its text has ended, and never after its finish', () => {
      for (const delivered of beginnings(client, vendor, stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null) expect(saidAll(client, delivered, text), delivered).toBe(true);
        else expect(text.startsWith(resumed.text), name).toBe(true);
      }
      expect(resume(client, encodeStream(client, events))).toBeNull();
    });
  });

  test.each(PROVIDER_NAMES)('started by another provider is finished by %s', (vendor) => {
    for (const first of PROVIDER_NAMES) {
      const whole = readStream(client, encodeStream(client, decodeStream(first, FIXTURES[first].answers.text.stream)));
      for (const delivered of beginnings(client, first, FIXTURES[first].answers.text.stream)) {
        const resumed = resume(client, delivered);
        if (resumed === null) continue;
        const again = new SseSplitter().push(Buffer.from(FIXTURES[vendor].answers.text.stream));
        const decoder = providerCodec(vendor).openDecoder(DECODE_CONTEXT);
        const read = readStream(client, delivered + goOn(resumed, decoder, 'repeat', again));
        expect(read.choices).toEqual(whole.choices);
        expect([read.id, read.model]).toEqual([whole.id, whole.model]);
      }
    }
  });

  test.each(['tool-call', 'mixed', 'parallel-tool-calls', 'unicode'] as const)(
    '%s is not continued once it has more than text',
    (name) => {
      for (const vendor of PROVIDER_NAMES) {
        const all = beginnings(client, vendor, FIXTURES[vendor].answers[name].stream);
        const last = resume(client, all.at(-1) ?? '');
        // The older completions show nothing but the text.
        if (all.length > 0 && client !== 'openai-completions') expect(last).toBeNull();
      }
    },
  );

  test('several choices are not continued', () => {
    const body = { model: 'm', n: 2, generationConfig: { candidateCount: 2 } };
    const [delivered] = beginnings(client, 'openai-chat', FIXTURES['openai-chat'].answers.choices!.stream).slice(-1);
    const resumed = clientCodec(client).resumeEncoder!(Buffer.from(delivered!), encodeContext(body));
    if (client !== 'openai-responses' && client !== 'anthropic-messages') expect(resumed).toBeNull();
  });
});

describe.each(PROVIDER_NAMES)('a stream that broke off at %s', (vendor) => {
  const { stream } = FIXTURES[vendor].answers.text;
  const events = new SseSplitter().push(Buffer.from(stream));

  test.each(CLIENT_NAMES)('leaves its text open for a client of %s', (client) => {
    const whole = readStream(client, encodeStream(client, decodeStream(vendor, stream)));
    let resumes = 0;
    for (let count = 0; count < events.length; count++) {
      const encoder = clientCodec(client).openEncoder(encodeContext());
      const relay = new TranslatedStream(providerCodec(vendor).openDecoder(DECODE_CONTEXT), encoder, relayContext);
      const delivered = [...events.slice(0, count).map((event) => relay.accept(event)), relay.end()]
        .map(({ bytes }) => bytes?.toString() ?? '')
        .join('');
      if (relay.isComplete() || delivered === '') continue;
      const resumed = resume(client, delivered);
      // Anthropic ends a text block before it reports the end of the answer.
      if (resumed === null && saidAll(client, delivered, textOf(whole.choices[0]!.parts))) continue;
      const joined = delivered + goOn(resumed!, providerCodec(vendor).openDecoder(DECODE_CONTEXT), 'repeat', events);
      expectSame(client, readStream(client, joined), whole);
      resumes++;
    }
    expect(resumes).toBeGreaterThan(0);
  });
});

describe('a stream that a provider of the client’s own protocol started', () => {
  test.each(PROVIDER_NAMES)('%s', (name) => {
    const { stream } = FIXTURES[name].answers.reasoning;
    const providerEvents = splitEvents(Buffer.from(stream.replaceAll('\r\n', '\n'))).map(String);
    const first = readStream(name, stream);
    let resumes = 0;
    for (let count = 1; count < providerEvents.length; count++) {
      const delivered = providerEvents.slice(0, count).join('');
      const resumed = resume(name, delivered);
      if (resumed === null) continue;
      resumes++;
      const other = PROVIDER_NAMES.find((vendor) => vendor !== name)!;
      const again = new SseSplitter().push(Buffer.from(FIXTURES[other].answers.text.stream));
      const joined = delivered + goOn(resumed, providerCodec(other).openDecoder(DECODE_CONTEXT), 'repeat', again);
      const read = readStream(name, joined);
      expect([read.id, read.model]).toEqual([first.id, first.model]);
      expect(textOf(read.choices[0]!.parts)).toBe(textOf(first.choices[0]!.parts));
      expectGoesOn(name, joined);
    }
    expect(resumes).toBeGreaterThan(2);
  });
});

test('the shown cost is that of all attempts', () => {
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
