// OpenAI Chat Completions: both codecs, both faces, and the list of models. Wire facts: docs/reference/openai-chat.md.
import type { ClientCodec, ProviderCodec, RequestField, SearchAbilities } from '../codec.ts';
import { encodeChatFailure, encodeChatFailureEvent, readChatFailure, readChatRateLimits } from '../openai/failures.ts';
import { traitsOf } from '../openai/models.ts';
import type { ClientEndpoint, ClientProtocol, KeepAlive, ProviderProtocol } from '../protocol.ts';
import { decodeChatAnswer } from './answer/decode-answer.ts';
import { encodeChatAnswer } from './answer/encode-answer.ts';
import { relayChatBody } from './answer/relay-body.ts';
import { buildChatBody } from './request/build-body.ts';
import { decodeChatRequest } from './request/decode-request.ts';
import { encodeChatRequest } from './request/encode-request.ts';
import { readChatRequest } from './request/read-request.ts';
import { ChatAnswerDecoder } from './stream/answer-decoder.ts';
import { ChatAnswerEncoder } from './stream/answer-encoder.ts';
import { ChatStreamRelay } from './stream/relay-stream.ts';
import { resumeChatStream } from './stream/resume-stream.ts';

/** Chat's names that differ from the canonical one in snake case. */
const NAMES: Partial<Record<RequestField, string>> = {
  maxOutputTokens: 'max_completion_tokens',
  choices: 'n',
  output: 'response_format',
  reasoning: 'reasoning_effort',
  endUser: 'user',
  logProbabilities: 'logprobs',
  image: 'image_config',
  speech: 'audio',
  webSearch: 'web_search_options',
  searchContextSize: 'web_search_options.search_context_size',
  searchLocation: 'web_search_options.user_location',
  searchUses: 'web_search_options',
  cacheBreakpoints: 'cache_control',
  grammar: 'tools.custom.format',
  strict: 'tools.function.strict',
};

export function chatFieldName(field: RequestField): string {
  return NAMES[field] ?? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export const chatClientCodec: ClientCodec = {
  decodeRequest: decodeChatRequest,
  fieldName: chatFieldName,
  encodeAnswer: encodeChatAnswer,
  openEncoder: (context) => new ChatAnswerEncoder(context),
  resumeEncoder: resumeChatStream,
};

/** `web_search_options` (npm openai 7.55.0). */
const SEARCH: SearchAbilities = {
  hasAllowedDomains: false,
  hasBlockedDomains: false,
  hasCachedOnly: false,
  hasContextSize: true,
  hasLocation: true,
  hasMaxUses: false,
  standsBesideFunctions: true,
};

/** Any OpenAI-compatible provider, for clients of other protocols. */
export const chatProviderCodec: ProviderCodec = {
  abilities(upstreamModel) {
    const { searches, isOpenAi } = traitsOf(upstreamModel);
    return { search: searches ? SEARCH : null, hasGrammars: isOpenAi, hasCacheBreakpoints: false };
  },
  encodeRequest: encodeChatRequest,
  decodeAnswer: decodeChatAnswer,
  openDecoder: (context) => new ChatAnswerDecoder(context),
};

/**
 * Comments. Between events without an empty line: after an `id:` line the SDK for Python treats every empty line as an
 * event, and raises because it has no JSON (openai 3.3.1).
 */
export const OPENAI_KEEP_ALIVE: KeepAlive = {
  before: Buffer.from(': keep-alive\n\n'),
  between: Buffer.from(': keep-alive\n'),
};

export const openaiChatClient: ClientProtocol = {
  name: 'openai-chat',
  // Azure's SDKs send theirs in `api-key`.
  credentialPlaces: [{ header: 'api-key' }],
  forwardedHeaders: [],
  readRequest: readChatRequest,
  encodeFailure: encodeChatFailure,
  encodeFailureEvent: encodeChatFailureEvent,
  streamHeaders: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  keepAlive: OPENAI_KEEP_ALIVE,
  hasEventIds: true,
  passThrough: {
    upstream: 'openai-chat',
    operation: 'generate',
    buildBody: buildChatBody,
    openStream: (context) => new ChatStreamRelay(context),
    relayBody: relayChatBody,
  },
  codec: chatClientCodec,
};

export const openaiChatEndpoint: ClientEndpoint = {
  method: 'POST',
  paths: ['/v1/chat/completions', '/v1/openai/chat/completions'],
  summary: 'OpenAI Chat Completions, streamed or not, with any configured model',
  errors: openaiChatClient,
  select: () => openaiChatClient,
};

export const openaiChatProvider: ProviderProtocol = {
  name: 'openai-chat',
  path: () => '/chat/completions',
  headers: {},
  credentialHeaders: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  readFailure: readChatFailure,
  readRateLimits: readChatRateLimits,
  codec: chatProviderCodec,
};
