// Gemini generateContent, both faces. Wire facts: docs/reference/gemini-generate-content.md (Developer API).

import {
  decodeGeminiAnswer,
  GeminiAnswerDecoder,
  relayGeminiBody,
} from '#src/protocols/gemini-generate-content/answer/decode-answer.ts';
import { encodeGeminiAnswer } from '#src/protocols/gemini-generate-content/answer/encode-answer.ts';
import { decodeGeminiRequest, geminiFieldName } from '#src/protocols/gemini-generate-content/request/decode-request.ts';
import { encodeGeminiRequest } from '#src/protocols/gemini-generate-content/request/encode-request.ts';
import {
  answerTokenCount,
  buildGeminiBody,
  buildTokenCountBody,
  type GeminiMethod,
  readGeminiRequest,
  readMethodPath,
  readTokenCountRequest,
  relayTokenCount,
} from '#src/protocols/gemini-generate-content/request/read-request.ts';
import {
  GeminiAnswerEncoder,
  readArrayChunks,
  readSseChunks,
  resumeGeminiStream,
} from '#src/protocols/gemini-generate-content/stream/answer-encoder.ts';
import { ArrayFraming, type Framing, SseFraming } from '#src/protocols/gemini-generate-content/stream/chunk.ts';
import { GeminiStreamRelay } from '#src/protocols/gemini-generate-content/stream/relay-stream.ts';
import type { ClientCodec, ProviderCodec, SearchAbilities } from '../codec.ts';
import type { ClientEndpoint, ClientProtocol, Operation, ProviderProtocol } from '../protocol.ts';
import {
  encodeGeminiFailure,
  encodeGeminiFailureElement,
  encodeGeminiFailureEvent,
  readGeminiFailure,
} from './failures.ts';
import { geminiModel } from './models.ts';

const PROVIDER = 'gemini-generate-content';

function passThrough(createFraming: () => Framing): ClientProtocol['passThrough'] {
  return {
    upstream: PROVIDER,
    operation: 'generate',
    buildBody: buildGeminiBody,
    openStream: (context) => new GeminiStreamRelay(context, createFraming()),
    relayBody: relayGeminiBody,
  };
}

const baseCodec = {
  decodeRequest: decodeGeminiRequest,
  fieldName: geminiFieldName,
  encodeAnswer: encodeGeminiAnswer,
};

const sseCodec: ClientCodec = {
  ...baseCodec,
  openEncoder: (context) => new GeminiAnswerEncoder(context, new SseFraming()),
  resumeEncoder: (delivered, context) => resumeGeminiStream(readSseChunks(delivered), context, new SseFraming()),
};

const arrayCodec: ClientCodec = {
  ...baseCodec,
  openEncoder: (context) => new GeminiAnswerEncoder(context, new ArrayFraming()),
  resumeEncoder: (delivered, context) =>
    resumeGeminiStream(readArrayChunks(delivered), context, new ArrayFraming({ hasBegun: true })),
};

/**
 * Not even a comment: google-genai for Python raises at every line that neither is empty nor begins with `data: ` (3.6.1).
 */
const EMPTY_EVENT = Buffer.from('\n\n');
/** Between the elements of an array. */
const WHITE_SPACE = Buffer.from('\n');

/** Streams as server-sent events, which every SDK requests (`alt=sse`). */
export const geminiClient: ClientProtocol = {
  name: 'gemini-generate-content',
  credentialPlaces: [{ header: 'x-goog-api-key' }, { query: 'key' }],
  forwardedHeaders: [],
  readRequest: readGeminiRequest,
  encodeFailure: encodeGeminiFailure,
  encodeFailureEvent: encodeGeminiFailureEvent,
  streamHeaders: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  keepAlive: { before: EMPTY_EVENT, between: EMPTY_EVENT },
  // The SDK for npm skips events that do not begin with `data:`, the one for Python breaks off (genai 3.1.0, 3.6.1).
  hasEventIds: false,
  passThrough: passThrough(() => new SseFraming()),
  codec: sseCodec,
};

/** Streams as one JSON array: the form of `streamGenerateContent` without `alt=sse`. */
export const geminiArrayClient: ClientProtocol = {
  ...geminiClient,
  name: 'gemini-generate-content-array',
  encodeFailureEvent: encodeGeminiFailureElement,
  streamHeaders: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-cache' },
  keepAlive: { before: WHITE_SPACE, between: WHITE_SPACE },
  passThrough: passThrough(() => new ArrayFraming()),
  codec: arrayCodec,
};

export const geminiCountTokensClient: ClientProtocol = {
  ...geminiClient,
  name: 'gemini-count-tokens',
  readRequest: readTokenCountRequest,
  passThrough: {
    ...geminiClient.passThrough,
    operation: 'count-tokens',
    buildBody: buildTokenCountBody,
    relayBody: relayTokenCount,
  },
  codec: null,
  answerLocally: answerTokenCount,
};

const CLIENT_OF_METHOD: Record<GeminiMethod, ClientProtocol> = {
  generateContent: geminiClient,
  streamGenerateContent: geminiClient,
  countTokens: geminiCountTokensClient,
};

export const geminiEndpoints: ClientEndpoint[] = [
  {
    method: 'POST',
    paths: ['/v1beta/models/*', '/v1/models/*', '/v1alpha/models/*', '/v1beta/:owner/*'],
    summary: 'Gemini generateContent, streamGenerateContent and countTokens with any configured model',
    errors: geminiClient,
    select(target) {
      const path = readMethodPath(target);
      if (path === null) return null;
      const isArray = path.method === 'streamGenerateContent' && !path.isSse;
      return isArray ? geminiArrayClient : CLIENT_OF_METHOD[path.method];
    },
  },
];

const METHOD_OF_OPERATION: Record<Operation, string> = {
  generate: 'generateContent',
  'count-tokens': 'countTokens',
  embed: 'embedContent',
  // Only OpenAI's API has this operation; other models are asked for a summary.
  compact: 'generateContent',
};

/** `excludeDomains` of `googleSearch` is Vertex's alone (npm @google/genai 3.1.0). */
const SEARCH: Omit<SearchAbilities, 'standsBesideFunctions'> = {
  hasAllowedDomains: false,
  hasBlockedDomains: false,
  hasCachedOnly: false,
  hasContextSize: false,
  hasLocation: false,
  hasMaxUses: false,
};

const providerCodec: ProviderCodec = {
  abilities: (upstreamModel) => ({
    search: { ...SEARCH, standsBesideFunctions: geminiModel(upstreamModel).isGemini3 },
    hasGrammars: false,
    hasCacheBreakpoints: false,
  }),
  encodeRequest: encodeGeminiRequest,
  decodeAnswer: decodeGeminiAnswer,
  openDecoder: (context) => new GeminiAnswerDecoder(context),
};

export const geminiProvider: ProviderProtocol = {
  name: PROVIDER,
  path({ operation, upstreamModel, isStream }) {
    const isStreamed = isStream && operation === 'generate';
    const method = isStreamed ? 'streamGenerateContent?alt=sse' : METHOD_OF_OPERATION[operation];
    return `/v1beta/models/${encodeURIComponent(upstreamModel)}:${method}`;
  },
  headers: {},
  credentialHeaders: (apiKey) => ({ 'x-goog-api-key': apiKey }),
  readFailure: readGeminiFailure,
  // Google reports its limits only when they are exceeded.
  readRateLimits: () => ({}),
  codec: providerCodec,
};
