// OpenAI Chat Completions, both faces. Wire facts: ../shared/reference/openai-chat.md.
import type { ClientProtocol, Translation, VendorProtocol } from '../protocol.ts';
import { buildChatRequest } from './build-request.ts';
import { encodeChatFailure, encodeChatFailureEvent, readChatFailure, readChatRateLimits } from './failures.ts';
import { readChatRequest } from './read-request.ts';
import { relayChatBody } from './relay-body.ts';
import { ChatStreamRelay } from './relay-stream.ts';

export const openaiChatClient: ClientProtocol = {
  name: 'openai-chat',
  readRequest: readChatRequest,
  encodeFailure: encodeChatFailure,
  encodeFailureEvent: encodeChatFailureEvent,
  streamHeaders: { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' },
};

export const openaiChatVendor: VendorProtocol = {
  name: 'openai-chat',
  buildRequest: buildChatRequest,
  readFailure: readChatFailure,
  readRateLimits: readChatRateLimits,
};

export const openaiChatPassThrough: Translation = {
  openStream: (context) => new ChatStreamRelay(context),
  relayBody: relayChatBody,
};
