// The client's face of OpenAI Chat Completions: what the broker uses of a request body. Checks only that; every other
// field is left to the provider.
import { z } from 'zod';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { effectiveRequest, outputBound } from '#src/protocols/call/effective-request.ts';
import { providerPreferences, readPreferences } from '#src/protocols/call/provider-preferences.ts';
import type { UsageDelivery } from '#src/protocols/codec.ts';
import type { RequestFacts, RequestTarget } from '#src/protocols/protocol.ts';
import {
  BYTES_PER_TOKEN,
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
} from '#src/protocols/providers/token-estimate.ts';

const tokenLimit = z.number().int().positive().nullish();
const names = z.array(z.string()).nullish();

/** What routing needs, with `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
export const routingMembers = {
  model: z.string().min(1),
  models: names,
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
};

export const streamMembers = {
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
};

const chatRequest = z.looseObject({
  ...routingMembers,
  ...streamMembers,
  messages: z.array(z.looseObject({})).min(1),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  n: z.number().int().positive().nullish(),
});

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readChatRequest(sent: unknown, target: RequestTarget): RequestFacts | Failure {
  const body = effectiveRequest(sent);
  const parsed = chatRequest.safeParse(body);
  if (!parsed.success) return describeIssue(parsed.error.issues[0]!, body);
  const request = parsed.data;
  return {
    ...readRouting(request),
    ...readStreaming(request, target),
    estimatedInputTokens:
      estimateMessages(request.messages) + estimateJson(body, 'tools') + estimateJson(body, 'functions'),
    maxOutputTokens: outputBound(request),
    choices: request.n ?? 1,
  };
}

export function readRouting(request: z.infer<z.ZodObject<typeof routingMembers>>) {
  return {
    model: request.model,
    alternativeModels: request.models ?? [],
    preferences: readPreferences(request.provider),
  };
}

export function readStreaming(request: z.infer<z.ZodObject<typeof streamMembers>>, target: RequestTarget) {
  const isAskedFor = request.stream_options?.include_usage === true;
  return { isStream: request.stream === true, usageDelivery: usageDelivery(isAskedFor, target) };
}

/** ImageRouter's clients never ask for usage and find it, with the cost, in the last chunk. */
function usageDelivery(isAskedFor: boolean, { path }: RequestTarget): UsageDelivery {
  if (isAskedFor) return 'own-event';
  return path.startsWith('/v1/openai/') ? 'last-event' : 'none';
}

/** The first fault as OpenAI would word it: which field, what is wrong, what to do. */
function describeIssue(issue: z.core.$ZodIssue, body: unknown): Failure {
  const param = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1);
  if (param === '') {
    return createFailure('request_invalid', 'The request body must be a JSON object with "model" and "messages".');
  }
  const isMissing = issue.code === 'invalid_type' && valueAt(body, issue.path) === undefined;
  if (isMissing) {
    return createFailure('parameter_missing', `Missing required parameter: '${param}'.`, { param });
  }
  return createFailure('request_invalid', `Invalid value for '${param}': ${lowerFirst(issue.message)}.`, { param });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}

/** Prompt tokens by size of the text; images at a flat rate, other binary parts by a fraction of their bytes. */
export function estimateMessages(messages: readonly Record<string, unknown>[]): number {
  let bytes = 0;
  let tokens = TOKENS_PER_MESSAGE;
  for (const message of messages) {
    tokens += TOKENS_PER_MESSAGE;
    if (typeof message.content === 'string') bytes += Buffer.byteLength(message.content);
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

/** Base64 of a document says little about its text: a tenth is a fair guess for PDF, and high for audio. */
const BINARY_SHARE = 10;

function partBytes(part: unknown): number {
  const {
    text,
    file,
    input_audio: audio,
  } = (part ?? {}) as Record<string, Record<string, unknown> | string | undefined>;
  if (typeof text === 'string') return Buffer.byteLength(text);
  const data =
    (file as Record<string, unknown> | undefined)?.file_data ?? (audio as Record<string, unknown> | undefined)?.data;
  return typeof data === 'string' ? Math.ceil(data.length / BINARY_SHARE) : BYTES_PER_TOKEN;
}

function estimateJson(body: unknown, member: string): number {
  const value = (body as Record<string, unknown>)[member];
  return value === undefined || value === null ? 0 : tokensOfBytes(JSON.stringify(value).length);
}
