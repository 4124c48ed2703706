// Every provider's answers, as every client sees them: decoded from the provider's format, encoded in the client's, and read
// back as a client would. Whole and streamed.
import { describe, expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import type { Usage } from '#src/contracts/usage.ts';
import { ANSWERING_MODEL, type AnswerFixture, MODEL } from '#test/fixtures/protocols/fixtures.ts';
import { type AnswerCase, type CanonicalAnswer, canonicalAnswer } from './canonical-answers.ts';
import { collectAnswer } from './collect-answer.ts';
import {
  CLIENT_NAMES,
  clientCodec,
  decodeStream,
  decodeWhole,
  encodeContext,
  encodeStream,
  FIXTURES,
  PROVIDER_NAMES,
  readStream,
  readWhole,
  SHOWN,
} from './protocols.ts';
import { seenBy, unwrapped, withoutBytes } from './seen-by.ts';

/** What is compared of an answer. */
function said({ choices, usage, serviceTier }: Answer): CanonicalAnswer {
  const plain = choices.map((choice) =>
    choice.logProbabilities === undefined
      ? choice
      : { ...choice, logProbabilities: choice.logProbabilities.map(withoutBytes) },
  );
  return { choices: plain, usage: counts(usage!), ...(serviceTier === undefined ? {} : { serviceTier }) };
}

/** What is billed for them is not the client's business. */
function counts(usage: Usage): Usage {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, isEstimated } = usage;
  return { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens, isEstimated };
}

/** Claude Code compares it with the requested model. */
const modelSeenBy = (client: string) => (client === 'anthropic-messages' ? MODEL : ANSWERING_MODEL);

const casesOf = (answers: object) => Object.entries(answers) as [AnswerCase, AnswerFixture][];

describe.each(PROVIDER_NAMES)('answers of %s', (vendor) => {
  describe.each(casesOf(FIXTURES[vendor].answers))('%s', (name, { whole, stream }) => {
    const canonical = canonicalAnswer(vendor, name);
    const events = decodeStream(vendor, stream);

    test('whole', () => {
      const answer = decodeWhole(vendor, whole);
      expect(answer.model).toBe(ANSWERING_MODEL);
      expect(said(answer)).toEqual(canonical);
    });

    test('streamed', () => {
      const answer = collectAnswer(events);
      expect(answer.model).toBe(ANSWERING_MODEL);
      expect(said(answer)).toEqual(canonical);
    });

    test.each(CLIENT_NAMES)('whole, to a client of %s', (client) => {
      const answer = decodeWhole(vendor, whole);
      const text = clientCodec(client).encodeAnswer(answer, answer.usage!, SHOWN, encodeContext());
      expect(JSON.parse(text)).toMatchObject({ cost: 0.6 });
      const read = readWhole(client, text);
      expect(read.model).toBe(modelSeenBy(client));
      expect({ ...said(read), choices: unwrapped(client, read.choices) }).toEqual(readable(client, canonical));
    });

    test.each(CLIENT_NAMES)('streamed, to a client of %s', (client) => {
      const read = readStream(client, encodeStream(client, events));
      expect(read.failure).toBeNull();
      expect(read.model).toBe(modelSeenBy(client));
      expect({ ...said(read), choices: unwrapped(client, read.choices) }).toEqual(readable(client, canonical));
    });
  });
});

/** For the comparison: ids of thoughts belong to the client's protocol. */
function readable(client: (typeof CLIENT_NAMES)[number], canonical: CanonicalAnswer): CanonicalAnswer {
  const seen = seenBy(client, canonical);
  return { ...seen, choices: unwrapped(client, seen.choices) };
}
