// Anthropic Messages, both faces. Wire facts: docs/reference/anthropic-messages.md.
import type { ClientEndpoint, ClientProtocol, ProviderProtocol } from '../protocol.ts';
import { buildMessagesBody } from './build-body.ts';
import { messagesClientCodec } from './client-codec.ts';
import { answerTokenCount, relayTokenCount } from './count-tokens.ts';
import { encodeMessagesFailure, encodeMessagesFailureEvent } from './failures.ts';
import { messagesProviderCodec } from './provider-codec.ts';
import { readMessagesFailure } from './provider-failures.ts';
import { readMessagesRateLimits } from './rate-limits.ts';
import { readCountRequest, readMessagesRequest } from './read-request.ts';
import { relayMessagesBody } from './relay-body.ts';
import { MessagesStreamRelay } from './relay-stream.ts';

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
    // Helpers of the SDKs want `message_start` to be the first event.
    before: Buffer.from(': keep-alive\n\n'),
    // Anthropic's own: clients that wait for events, and give up when none come, count it.
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
    // Never asked for: a count is never streamed (readCountRequest).
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
    summary: 'Anthropic Messages, streamed or not, by any configured model',
    errors: anthropicMessagesClient,
    select: () => anthropicMessagesClient,
  },
  {
    method: 'POST',
    paths: ['/v1/messages/count_tokens'],
    summary: 'Tokens of an Anthropic Messages request, counted by the provider or estimated',
    errors: anthropicCountTokensClient,
    select: () => anthropicCountTokensClient,
  },
];

export const anthropicMessagesProvider: ProviderProtocol = {
  name: 'anthropic-messages',
  path: ({ operation }) => (operation === 'count-tokens' ? '/v1/messages/count_tokens' : '/v1/messages'),
  // The version that takes sampling parameters for the models that do; a client's own goes over it in pass-through.
  headers: { 'anthropic-version': '2023-06-01' },
  credentialHeaders: (apiKey) => ({ 'x-api-key': apiKey }),
  readFailure: readMessagesFailure,
  readRateLimits: readMessagesRateLimits,
  codec: messagesProviderCodec,
};
