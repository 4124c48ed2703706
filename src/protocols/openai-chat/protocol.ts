// OpenAI Chat Completions, both faces. Wire facts: docs/reference/openai-chat.md.
import type { ClientEndpoint, ClientProtocol, KeepAlive, ProviderProtocol } from '../protocol.ts';
import { buildChatBody } from './build-body.ts';
import { chatClientCodec } from './client-codec.ts';
import { encodeChatFailure, encodeChatFailureEvent, readChatFailure, readChatRateLimits } from './failures.ts';
import { chatProviderCodec } from './provider-codec.ts';
import { readChatRequest } from './read-request.ts';
import { relayChatBody } from './relay-body.ts';
import { ChatStreamRelay } from './relay-stream.ts';

/**
 * Comments. Between events without the empty line: behind an `id:` line the SDK for Python takes every empty line for an
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
  summary: 'OpenAI Chat Completions, streamed or not, by any configured model',
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
