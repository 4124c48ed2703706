// Anthropic Messages, both faces. Wire facts: docs/reference/anthropic-messages.md.

import { decodeMessagesAnswer, relayMessagesBody } from '#src/protocols/anthropic-messages/answer/decode-answer.ts';
import { encodeMessagesAnswer } from '#src/protocols/anthropic-messages/answer/encode-answer.ts';
import {
  decodeMessagesRequest,
  refuseMessagesElsewhere,
} from '#src/protocols/anthropic-messages/request/decode-request.ts';
import { encodeMessagesRequest } from '#src/protocols/anthropic-messages/request/encode-request.ts';
import {
  answerTokenCount,
  buildMessagesBody,
  readCountRequest,
  readMessagesRequest,
  relayTokenCount,
} from '#src/protocols/anthropic-messages/request/read-request.ts';
import { MessagesDecoder } from '#src/protocols/anthropic-messages/stream/answer-decoder.ts';
import { MessagesEncoder } from '#src/protocols/anthropic-messages/stream/answer-encoder.ts';
import { MessagesStreamRelay } from '#src/protocols/anthropic-messages/stream/relay-stream.ts';
import { resumeMessagesStream } from '#src/protocols/anthropic-messages/stream/resume-stream.ts';
import type { ClientCodec, ProviderAbilities, ProviderCodec, RequestField } from '#src/protocols/codec.ts';
import type { ClientEndpoint, ClientProtocol, ProviderProtocol } from '#src/protocols/protocol.ts';
import {
  encodeMessagesFailure,
  encodeMessagesFailureEvent,
  readMessagesFailure,
  readMessagesRateLimits,
} from './failures.ts';
import { continuesPrefill } from './models.ts';

// Requests of Anthropic clients to the canonical form, answers from it.

/** Clients of this protocol cannot send fields that it does not have; those get a descriptive name. */
const FIELD_NAMES: Record<RequestField, string> = {
  messages: 'messages',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'tool_choice.disable_parallel_tool_use',
  maxOutputTokens: 'max_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  seed: 'seed',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  stop: 'stop_sequences',
  choices: 'n',
  output: 'output_config.format',
  reasoning: 'thinking',
  endUser: 'metadata.user_id',
  metadata: 'metadata',
  serviceTier: 'service_tier',
  verbosity: 'verbosity',
  logProbabilities: 'logprobs',
  logitBias: 'logit_bias',
  modalities: 'modalities',
  image: 'image',
  speech: 'speech',
  webSearch: 'tools.web_search',
  searchContextSize: 'tools.web_search',
  searchLocation: 'tools.user_location',
  searchUses: 'tools.max_uses',
  cacheBreakpoints: 'cache_control',
  promptCacheKey: 'prompt_cache_key',
  grammar: 'tools',
  strict: 'tools.strict',
};

export const messagesClientCodec: ClientCodec = {
  decodeRequest: decodeMessagesRequest,
  refuseElsewhere: refuseMessagesElsewhere,
  fieldName: (field) => FIELD_NAMES[field],
  encodeAnswer: encodeMessagesAnswer,
  openEncoder: (context) => new MessagesEncoder(context),
  resumeEncoder: resumeMessagesStream,
};

// Requests from the canonical form to Anthropic, answers to it.

/** `web_search_20250305` accepts one list of sites, not both (platform.claude.com, web search tool; read 2026-11-28). */
const ABILITIES: ProviderAbilities = {
  search: {
    hasAllowedDomains: true,
    hasBlockedDomains: true,
    hasCachedOnly: false,
    hasContextSize: false,
    hasLocation: true,
    hasMaxUses: true,
    standsBesideFunctions: true,
  },
  hasGrammars: false,
  hasCacheBreakpoints: true,
};

export const messagesProviderCodec: ProviderCodec = {
  abilities: () => ABILITIES,
  acceptsPrefill: continuesPrefill,
  encodeRequest: encodeMessagesRequest,
  decodeAnswer: decodeMessagesAnswer,
  openDecoder: (context) => new MessagesDecoder(context),
};

export const anthropicMessagesClient: ClientProtocol = {
  name: 'anthropic-messages',
  // SDKs before 1.0 send theirs in `x-api-key`, later ones a bearer.
  credentialPlaces: [{ header: 'x-api-key' }],
  forwardedHeaders: ['anthropic-version', 'anthropic-beta'],
  requestIdHeader: 'request-id',
  readRequest: readMessagesRequest,
  encodeFailure: encodeMessagesFailure,
  encodeFailureEvent: encodeMessagesFailureEvent,
  streamHeaders: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
  keepAlive: {
    // Helpers of the SDKs require `message_start` to be the first event.
    before: Buffer.from(': keep-alive\n\n'),
    // Anthropic's own event: clients with an idle timeout count it as activity.
    between: Buffer.from('event: ping\ndata: {"type": "ping"}\n\n'),
  },
  hasEventIds: true,
  passThrough: {
    upstream: 'anthropic-messages',
    operation: 'generate',
    buildBody: buildMessagesBody,
    openStream: (context) => new MessagesStreamRelay(context),
    relayBody: relayMessagesBody,
  },
  codec: messagesClientCodec,
};

export const anthropicCountTokensClient: ClientProtocol = {
  ...anthropicMessagesClient,
  name: 'anthropic-count-tokens',
  readRequest: readCountRequest,
  passThrough: {
    ...anthropicMessagesClient.passThrough,
    operation: 'count-tokens',
    // Never called: a count is never streamed (readCountRequest).
    openStream: (context) => new MessagesStreamRelay(context),
    relayBody: relayTokenCount,
  },
  codec: null,
  answerLocally: answerTokenCount,
};

export const anthropicMessagesEndpoints: ClientEndpoint[] = [
  {
    method: 'POST',
    paths: ['/v1/messages'],
    summary: 'Anthropic Messages, streamed or not, with any configured model',
    errors: anthropicMessagesClient,
    select: () => anthropicMessagesClient,
  },
  {
    method: 'POST',
    paths: ['/v1/messages/count_tokens'],
    summary: 'Input tokens of an Anthropic Messages request, counted by the provider or estimated',
    errors: anthropicCountTokensClient,
    select: () => anthropicCountTokensClient,
  },
];

export const anthropicMessagesProvider: ProviderProtocol = {
  name: 'anthropic-messages',
  path: ({ operation }) => (operation === 'count-tokens' ? '/v1/messages/count_tokens' : '/v1/messages'),
  // The version with which models accept sampling parameters, if they do. In pass-through, the client's version replaces it.
  headers: { 'anthropic-version': '2023-06-01' },
  credentialHeaders: (apiKey) => ({ 'x-api-key': apiKey }),
  readFailure: readMessagesFailure,
  readRateLimits: readMessagesRateLimits,
  codec: messagesProviderCodec,
};
