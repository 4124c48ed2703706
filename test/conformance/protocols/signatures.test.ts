// A provider's signature of its model's output, sent through a client of any protocol and back: in the next turn it is where
// the provider put it. No other provider ever gets it, nor the form in which the client kept it.
import { describe, expect, test } from 'vitest';
import { isFailure } from '#src/contracts/failure.ts';
import type { Part, Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { clientProtocol } from '#src/protocols/registry.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';
import { type AnswerCase, canonicalAnswer } from './canonical-answers.ts';
import {
  clientCodec,
  decodeStream,
  decodeWhole,
  encodeContext,
  encodeStream,
  FIXTURES,
  PROVIDER_NAMES,
  type ProviderName,
  providerCodec,
  SHOWN,
} from './protocols.ts';
import { replayStream, replayWhole } from './replay-answer.ts';

const SIGNED: [ProviderName, AnswerCase][] = [
  ['anthropic-messages', 'reasoning'],
  ['anthropic-messages', 'mixed'],
  ['anthropic-messages', 'redacted-thinking'],
  ['openai-responses', 'reasoning'],
  ['openai-responses', 'mixed'],
  ['gemini-generate-content', 'mixed'],
  ['gemini-generate-content', 'signed-call'],
  ['gemini-generate-content', 'signed-text'],
  ['gemini-generate-content', 'image'],
];

/** What every wrapped signature begins with. */
const MARK = wrapSignature({ origin: 'anthropic-messages', value: '' }).slice(0, 8);

const MODELS: Record<ProviderName, string> = {
  'openai-chat': 'some-model',
  'openai-responses': 'gpt-5.1',
  'anthropic-messages': 'claude-opus-5',
  'gemini-generate-content': 'gemini-3-flash-preview',
};

function sendTo(vendor: ProviderName, client: ProviderName, body: JsonObject): JsonObject {
  const request = clientCodec(client).decodeRequest(body);
  if (isFailure(request)) throw new Error(request.message);
  const input = { upstreamModel: MODELS[vendor], isStream: false, canReportStreamUsage: true };
  const encoded = providerCodec(vendor).encodeRequest(request, input);
  if (encoded.kind === 'refusal') throw new Error(`${encoded.field} ${encoded.reason}`);
  return encoded.body;
}

type Signed = Part & { signature: Signature };

/** The signed parts of the assistant's turns in a request to the provider. */
function signedParts(vendor: ProviderName, body: JsonObject): Signed[] {
  const request = clientCodec(vendor).decodeRequest(body);
  if (isFailure(request)) throw new Error(request.message);
  const parts = request.turns.filter(({ role }) => role === 'assistant').flatMap((turn) => turn.parts);
  return parts.filter((part): part is Signed => 'signature' in part && part.signature !== undefined);
}

/** What a signature belongs to: Responses gives its own ids to items of thoughts. */
function bearer({ kind, signature, ...part }: Signed) {
  const text = 'text' in part && kind === 'reasoning' ? part.text : '';
  return { kind, signature, text };
}

describe.each(SIGNED)('what %s signed (%s)', (vendor, name) => {
  const { whole, stream } = FIXTURES[vendor].answers[name]!;
  const answer = decodeWhole(vendor, whole);
  const events = decodeStream(vendor, stream);
  const made = canonicalAnswer(vendor, name).choices[0]!.parts.filter(
    (part): part is Signed => 'signature' in part && part.signature !== undefined,
  );

  const nextOf = (client: ProviderName) => ({
    whole: replayWhole(
      client,
      JSON.parse(clientCodec(client).encodeAnswer(answer, answer.usage!, SHOWN, encodeContext())) as JsonObject,
    ),
    streamed: replayStream(client, encodeStream(client, events)),
  });

  describe.each(PROVIDER_NAMES)('and a client of %s sends back', (client) => {
    test.each(['whole', 'streamed'] as const)('is returned to it, %s', (form) => {
      const body = sendTo(vendor, client, nextOf(client)[form]);
      // Answers in Anthropic's protocol cannot contain images: a generated image becomes a link, which needs no signature.
      // They have no member for the signature of a text either: Claude Code would hide the last text if a thought followed
      // it.
      const lost = client === 'anthropic-messages' && (name === 'image' || name === 'signed-text');
      expect(signedParts(vendor, body).map(bearer)).toEqual(lost ? [] : made.map(bearer));
    });

    test.each(['whole', 'streamed'] as const)('is not sent to another provider, %s', (form) => {
      const next = nextOf(client)[form];
      for (const other of PROVIDER_NAMES) {
        if (other === vendor) continue;
        const sent = JSON.stringify(sendTo(other, client, next));
        expect(sent).not.toContain(MARK);
        for (const { signature } of made) expect(sent).not.toContain(signature.value);
      }
    });

    test.each(['whole', 'streamed'] as const)(
      'is not passed through to a provider of the client’s protocol, %s',
      (form) => {
        if (client === vendor) return;
        const { passThrough } = clientProtocol(client);
        const body = Buffer.from(JSON.stringify(nextOf(client)[form]));
        const input = { body, upstreamModel: 'some-model', isStream: false, canReportStreamUsage: true };
        const sent = passThrough.buildBody(input).toString();
        expect(sent).not.toContain(MARK);
        for (const { signature } of made) expect(sent).not.toContain(signature.value);
      },
    );
  });
});

describe.each(PROVIDER_NAMES)('an unsigned thought, sent back by a client of %s', (client) => {
  const { whole, stream } = FIXTURES['openai-chat'].answers.reasoning;
  const answer = decodeWhole('openai-chat', whole);

  test.each(['whole', 'streamed'])('is not sent to any provider, %s', (form) => {
    const text = clientCodec(client).encodeAnswer(answer, answer.usage!, SHOWN, encodeContext());
    const next =
      form === 'whole'
        ? replayWhole(client, JSON.parse(text) as JsonObject)
        : replayStream(client, encodeStream(client, decodeStream('openai-chat', stream)));
    for (const vendor of PROVIDER_NAMES) {
      const body = sendTo(vendor, client, next);
      expect(JSON.stringify(body)).not.toContain(MARK);
      expect(signedParts(vendor, body)).toEqual([]);
    }
    const { passThrough } = clientProtocol(client);
    const body = Buffer.from(JSON.stringify(next));
    const input = { body, upstreamModel: 'some-model', isStream: false, canReportStreamUsage: true };
    expect(passThrough.buildBody(input).toString()).not.toContain(MARK);
  });
});
