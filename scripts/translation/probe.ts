// Determines how a feature is translated, by the codecs themselves: encodes it for the provider and decodes it again.
import { isDeepStrictEqual } from 'node:util';
import { isFailure } from '#src/contracts/failure.ts';
import type { ClientCodec, JsonObject, ProviderCodec } from '#src/protocols/codec.ts';
import { clientProtocol, findProtocolRoute } from '#src/protocols/registry.ts';
import { fixtures as anthropic } from '#test/fixtures/protocols/anthropic-messages.ts';
import type { ProtocolFixtures } from '#test/fixtures/protocols/fixtures.ts';
import { fixtures as gemini } from '#test/fixtures/protocols/gemini-generate-content.ts';
import { fixtures as chat } from '#test/fixtures/protocols/openai-chat.ts';
import { fixtures as responses } from '#test/fixtures/protocols/openai-responses.ts';
import type { AnswerFeature } from './answer-features.ts';
import type { RequestFeature } from './request-features.ts';

export const PROTOCOLS = {
  'openai-chat': { title: 'Chat Completions', fixtures: chat, models: ['gpt-4.1', 'gpt-5.1', 'other models'] },
  'openai-responses': { title: 'Responses', fixtures: responses, models: ['gpt-4.1', 'gpt-5.1'] },
  'anthropic-messages': { title: 'Messages', fixtures: anthropic, models: ['claude-sonnet-4-5', 'claude-opus-5'] },
  'gemini-generate-content': {
    title: 'Gemini',
    fixtures: gemini,
    models: ['gemini-2.5-flash', 'gemini-3-pro-preview'],
  },
} satisfies Record<string, { title: string; fixtures: ProtocolFixtures; models: string[] }>;

export type Protocol = keyof typeof PROTOCOLS;
export const PROTOCOL_NAMES = Object.keys(PROTOCOLS) as Protocol[];

/** `–`: the client's (or the provider's) protocol does not have the feature. */
export type Outcome = 'carried' | 'mapped' | 'dropped' | 'refused' | '–';

/** Outcome by model. */
export function probeRequest(client: Protocol, vendor: Protocol, feature: RequestFeature): [string, Outcome][] {
  const body = PROTOCOLS[client].fixtures.requests[feature.name];
  return PROTOCOLS[vendor].models.map((model) => [
    model,
    body === undefined ? '–' : sendRequest(client, vendor, model, body, feature),
  ]);
}

function sendRequest(
  client: Protocol,
  vendor: Protocol,
  model: string,
  body: JsonObject,
  feature: RequestFeature,
): Outcome {
  const asked = clientCodec(client).decodeRequest(body);
  if (isFailure(asked)) throw new Error(asked.message);
  const before = feature.of(asked);
  if (before === undefined) return '–';
  const input = { upstreamModel: model, isStream: false, canReportStreamUsage: true };
  const encoded = providerCodec(vendor).encodeRequest(asked, input);
  if (encoded.kind === 'refusal') return 'refused';
  const sent = clientCodec(vendor).decodeRequest({ model, ...encoded.body });
  if (isFailure(sent)) return 'mapped';
  // A tool that runs at the provider, which requests to other providers could not contain.
  if (Object.keys(sent.unmapped).some((name) => name.startsWith('tools.'))) return 'mapped';
  const after = feature.of(sent);
  if (isDeepStrictEqual(plain(before), plain(after))) return 'carried';
  const isNamed = feature.field !== undefined && encoded.dropped.includes(feature.field);
  // These may be carried by an instruction to the model, or be unnecessary for a model that does not reason.
  const isSaid = after !== undefined || (!isNamed && (feature.field === 'output' || feature.field === 'reasoning'));
  return isSaid ? 'mapped' : 'dropped';
}

export function probeAnswer(client: Protocol, vendor: Protocol, feature: AnswerFeature): Outcome {
  const fixture = (PROTOCOLS[vendor].fixtures as ProtocolFixtures).answers[feature.name];
  const isAsked = feature.askedBy === undefined || feature.askedBy in PROTOCOLS[client].fixtures.requests;
  if (fixture === undefined || !isAsked) return '–';
  const context = { requestId: 'req_probe' };
  const said = providerCodec(vendor).decodeAnswer(fixture.whole, context);
  if (isFailure(said)) throw new Error(said.message);
  const before = feature.of(said);
  if (before === undefined) return '–';
  const encodeContext = { ...context, createdAt: 0, clientBody: { model: 'm' }, usageDelivery: 'own-event' } as const;
  const text = clientCodec(client).encodeAnswer(said, said.usage!, { cost: '0', charge: '0' }, encodeContext);
  const seen = providerCodec(client).decodeAnswer(JSON.parse(text), context);
  if (isFailure(seen)) throw new Error(seen.message);
  const after = feature.of(seen);
  if (isDeepStrictEqual(plain(before), plain(after))) return 'carried';
  return after === undefined ? 'dropped' : 'mapped';
}

/** Removes undefined fields. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function clientCodec(name: Protocol): ClientCodec {
  return clientProtocol(name).codec!;
}

function providerCodec(name: Protocol): ProviderCodec {
  return findProtocolRoute('openai-completions', [name])!.pair!.upstream;
}
