// The client's face of OpenAI Chat Completions: what the broker uses of a request body. Checks only that; every other
// field is left to the provider.
import { z } from 'zod';
import type { Failure } from '#src/contracts/failure.ts';
import { effectiveRequest, outputBound } from '#src/protocols/call/effective-request.ts';
import { orFailure, parseMember } from '#src/protocols/openai/request-fields.ts';
import { readRouting, readStreaming, routingMembers, streamMembers } from '#src/protocols/openai/routing.ts';
import type { RequestFacts, RequestTarget } from '#src/protocols/protocol.ts';
import {
  BYTES_PER_TOKEN,
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
} from '#src/protocols/providers/token-estimate.ts';
import { textBytesOf } from '#src/protocols/wire/long-strings.ts';
import { anyObject } from '#src/protocols/wire/loose-json.ts';

const tokenLimit = z.number().int().positive().nullish();
export const chatRequest = z.looseObject({
  ...routingMembers,
  ...streamMembers,
  messages: z.array(anyObject).min(1),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  n: z.number().int().positive().nullish(),
});

export function readChatRequest(sent: unknown, target: RequestTarget): RequestFacts | Failure {
  return orFailure(() => {
    const request = parseMember(chatRequest, effectiveRequest(sent));
    return {
      ...readRouting(request),
      ...readStreaming(request, target),
      estimatedInputTokens:
        estimateMessages(request.messages) + estimateJson(request, 'tools') + estimateJson(request, 'functions'),
      maxOutputTokens: outputBound(request),
      choices: request.n ?? 1,
    };
  });
}

/** Prompt tokens by size of the text; images at a flat rate, other binary parts by a fraction of their bytes. */
export function estimateMessages(messages: readonly Record<string, unknown>[]): number {
  let bytes = 0;
  let tokens = TOKENS_PER_MESSAGE;
  for (const message of messages) {
    tokens += TOKENS_PER_MESSAGE;
    const text = textBytesOf(message, 'content');
    if (text !== null) bytes += text;
    else if (Array.isArray(message.content)) {
      for (const part of message.content) {
        if (isImagePart(part)) tokens += TOKENS_PER_IMAGE;
        else bytes += partBytes(part);
      }
    }
    if (Array.isArray(message.tool_calls)) bytes += JSON.stringify(message.tool_calls).length;
  }
  return tokens + tokensOfBytes(bytes);
}

function isImagePart(part: unknown): boolean {
  return (part as { type?: unknown } | null)?.type === 'image_url';
}

/** Base64 of a document says little about its text: a tenth is a fair estimate for PDF, and high for audio. */
const BINARY_SHARE = 10;

function partBytes(part: unknown): number {
  if (typeof part !== 'object' || part === null) return BYTES_PER_TOKEN;
  const text = textBytesOf(part as Record<string, unknown>, 'text');
  if (text !== null) return text;
  const { file, input_audio: audio } = part as Record<string, Record<string, unknown> | string | undefined>;
  const data =
    (file as Record<string, unknown> | undefined)?.file_data ?? (audio as Record<string, unknown> | undefined)?.data;
  return typeof data === 'string' ? Math.ceil(data.length / BINARY_SHARE) : BYTES_PER_TOKEN;
}

function estimateJson(body: unknown, member: string): number {
  const value = (body as Record<string, unknown>)[member];
  return value === undefined || value === null ? 0 : tokensOfBytes(JSON.stringify(value).length);
}
