// OpenAI's Responses API, both faces. Wire facts: docs/reference/openai-responses.md.
import type { ProviderAbilities, RequestField } from '../codec.ts';
import { encodeChatFailure, readChatFailure, readChatRateLimits } from '../openai/failures.ts';
import { OPENAI_KEEP_ALIVE } from '../openai-chat/protocol.ts';
import type { ClientEndpoint, ClientProtocol, ProviderProtocol } from '../protocol.ts';
import { isObject } from '../wire/loose-json.ts';
import { decodeResponsesAnswer } from './answer/decode-answer.ts';
import { encodeResponsesAnswer } from './answer/encode-answer.ts';
import { encodeResponsesFailureEvent } from './failures.ts';
import { buildResponsesBody, keepToolsAsSent } from './request/build-body.ts';
import { decodeResponsesRequest } from './request/decode-request.ts';
import { encodeResponsesRequest } from './request/encode-request.ts';
import { readResponsesRequest } from './request/read-request.ts';
import { ResponsesDecoder } from './stream/answer-decoder.ts';
import { ResponsesEncoder } from './stream/answer-encoder.ts';
import { ResponsesStreamRelay, relayResponsesBody } from './stream/relay.ts';
import { resumeResponsesStream } from './stream/resume-stream.ts';
import { readResponsesUsage } from './usage.ts';

export const openaiResponsesClient: ClientProtocol = {
  name: 'openai-responses',
  // Azure's SDKs send theirs in `api-key`.
  credentialPlaces: [{ header: 'api-key' }],
  forwardedHeaders: [],
  readRequest: readResponsesRequest,
  encodeFailure: encodeChatFailure,
  encodeFailureEvent: encodeResponsesFailureEvent,
  streamHeaders: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  keepAlive: OPENAI_KEEP_ALIVE,
  hasEventIds: true,
  passThrough: {
    upstream: 'openai-responses',
    operation: 'generate',
    buildBody: buildResponsesBody,
    openStream: (context) => new ResponsesStreamRelay(context),
    relayBody: relayResponsesBody,
  },
  codec: {
    decodeRequest: decodeResponsesRequest,
    keepAsSent: keepToolsAsSent,
    fieldName: responsesFieldName,
    encodeAnswer: encodeResponsesAnswer,
    openEncoder: (context) => new ResponsesEncoder(context),
    resumeEncoder: resumeResponsesStream,
  },
};

export const openaiResponsesEndpoint: ClientEndpoint = {
  method: 'POST',
  paths: ['/v1/responses', '/v1/openai/responses'],
  summary: 'OpenAI Responses, streamed or not, with any configured model; responses can be stored',
  errors: openaiResponsesClient,
  select: () => openaiResponsesClient,
};

/** `WebSearchTool` of npm openai 7.55.0; a limit on uses is `max_tool_calls`. */
const ABILITIES: ProviderAbilities = {
  search: {
    hasAllowedDomains: true,
    hasBlockedDomains: false,
    hasCachedOnly: true,
    hasContextSize: true,
    hasLocation: true,
    hasMaxUses: true,
    standsBesideFunctions: true,
  },
  hasGrammars: true,
  hasCacheBreakpoints: false,
};

/** Errors, headers and limits are those of every OpenAI API. */
export const openaiResponsesProvider: ProviderProtocol = {
  name: 'openai-responses',
  path: ({ operation }) => (operation === 'compact' ? '/responses/compact' : '/responses'),
  headers: {},
  credentialHeaders: (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  readFailure: readChatFailure,
  readRateLimits: readChatRateLimits,
  codec: {
    readFailedUsage: (body) => (isObject(body) ? readResponsesUsage(body.usage, body) : null),
    abilities: () => ABILITIES,
    encodeRequest: encodeResponsesRequest,
    decodeAnswer: decodeResponsesAnswer,
    openDecoder: (context) => new ResponsesDecoder(context),
  },
};

// Names of request fields in this protocol; for fields that it does not have, OpenAI's name elsewhere.
const NAMES: Record<RequestField, string> = {
  messages: 'input',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
  maxOutputTokens: 'max_output_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  seed: 'seed',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  stop: 'stop',
  choices: 'n',
  output: 'text.format',
  reasoning: 'reasoning',
  endUser: 'safety_identifier',
  metadata: 'metadata',
  serviceTier: 'service_tier',
  verbosity: 'text.verbosity',
  logProbabilities: 'top_logprobs',
  logitBias: 'logit_bias',
  modalities: 'modalities',
  image: 'image',
  speech: 'audio',
  webSearch: 'tools.web_search',
  searchContextSize: 'tools.search_context_size',
  searchLocation: 'tools.user_location',
  searchUses: 'max_tool_calls',
  cacheBreakpoints: 'prompt_cache_breakpoint',
  promptCacheKey: 'prompt_cache_key',
  grammar: 'tools.format',
  strict: 'tools.strict',
};

export function responsesFieldName(field: RequestField): string {
  return NAMES[field];
}
