// OpenAI's Responses API, both faces. Wire facts: docs/reference/openai-responses.md.

import type { ProviderAbilities } from '../codec.ts';
import { encodeChatFailure, readChatFailure, readChatRateLimits } from '../openai-chat/failures.ts';
import { OPENAI_KEEP_ALIVE } from '../openai-chat/protocol.ts';
import type { ClientEndpoint, ClientProtocol, ProviderProtocol } from '../protocol.ts';
import { isObject } from '../wire/loose-json.ts';
import { ResponsesDecoder } from './answer-decoder.ts';
import { ResponsesEncoder } from './answer-encoder.ts';
import { buildResponsesBody, keepToolsAsSent } from './build-body.ts';
import { decodeResponsesAnswer } from './decode-answer.ts';
import { decodeResponsesRequest } from './decode-request.ts';
import { encodeResponsesAnswer } from './encode-answer.ts';
import { encodeResponsesRequest } from './encode-request.ts';
import { encodeResponsesFailureEvent } from './failures.ts';
import { responsesFieldName } from './field-names.ts';
import { readResponsesRequest } from './read-request.ts';
import { relayResponsesBody } from './relay-body.ts';
import { ResponsesStreamRelay } from './relay-stream.ts';
import { resumeResponsesStream } from './resume-stream.ts';
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
  summary: 'OpenAI Responses, streamed or not, by any configured model, with memory',
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

/** Its errors, its headers and its limits are those of every OpenAI API. */
export const openaiResponsesProvider: ProviderProtocol = {
  name: 'openai-responses',
  path: () => '/responses',
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
