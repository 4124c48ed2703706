// The client's face of the Responses API: what the broker uses of a request body. Checks only that; every other field,
// is left to the provider.

import { z } from 'zod';
import { createFailure, type Failure, FailureError } from '#src/contracts/failure.ts';
import { effectiveRequest, outputBound } from '#src/protocols/call/effective-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { orFailure, parseMember } from '#src/protocols/openai/request-fields.ts';
import { readRouting, routingMembers, streamMembers } from '#src/protocols/openai/routing.ts';
import type { MemoryFacts, RequestFacts } from '#src/protocols/protocol.ts';
import { TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { isObject, objectOf, textOf } from '#src/protocols/wire/loose-json.ts';
import { inputSchema } from './request-schema.ts';

export const responsesRequest = z.looseObject({
  ...routingMembers,
  stream: streamMembers.stream,
  max_output_tokens: z.number().int().positive().nullish(),
});

export function readResponsesRequest(body: unknown): RequestFacts | Failure {
  return orFailure(() => readFacts(body));
}

function readFacts(sent: unknown): RequestFacts {
  const request = parseMember(responsesRequest, effectiveRequest(sent));
  // Memory members in `extra_body` are for the provider; the broker uses only those of the request itself.
  const memory = readMemory(parseMember(z.looseObject({}), sent));
  // `input` is optional with a stored prompt or a conversation.
  if (!request.prompt && memory.conversationId === null) parseMember(inputSchema, request.input, ['input']);
  return {
    ...readRouting(request),
    isStream: request.stream === true,
    usageDelivery: 'own-event',
    estimatedInputTokens: estimateInput(request),
    maxOutputTokens: outputBound(request),
    choices: 1,
    memory,
  };
}

// Stored responses: whether this one is stored, and which earlier ones it continues.
export const memoryMembers = z.looseObject({
  store: z.boolean().nullish(),
  background: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z
    .union([z.string(), z.looseObject({ id: z.string() })], { error: 'expected an id or an object with an id' })
    .nullish(),
});

/** Throws a FailureError. */
export function readMemory(request: JsonObject): MemoryFacts {
  const { store, background, previous_response_id: previous, conversation } = parseMember(memoryMembers, request);
  if (previous && conversation) throw exclusive();
  return {
    store: store ?? null,
    isBackground: background === true,
    previousResponseId: previous || null,
    conversationId: (typeof conversation === 'object' ? conversation?.id : conversation) || null,
  };
}

function exclusive(): FailureError {
  const message =
    "Mutually exclusive parameters: Ensure you are only providing one of: 'previous_response_id' or 'conversation'.";
  return new FailureError(createFailure('request_invalid', message, { param: 'previous_response_id' }));
}

// Prompt tokens before the call, by size of the text; images at a flat rate, other binary parts by a share of their bytes.

/** Base64 of a document says little about its text: a tenth is a fair estimate for PDF, and high for audio. */
const BINARY_SHARE = 10;

/** Members of an item or a part that are text to the model. */
const TEXT_MEMBERS = ['content', 'text', 'refusal', 'output', 'arguments', 'input', 'name', 'code', 'query', 'result'];
/** Those that hold lists of parts which are not content. */
const LIST_MEMBERS = ['content', 'output', 'summary'];

interface Size {
  bytes: number;
  tokens: number;
}

/** For all kinds of items: text in the usual members, and a fixed number of tokens per item. */
export function estimateInput(request: JsonObject): number {
  const size: Size = { bytes: 0, tokens: TOKENS_PER_MESSAGE };
  const items = Array.isArray(request.input) ? request.input : [{ content: request.input }];
  for (const item of items) {
    size.tokens += TOKENS_PER_MESSAGE;
    if (isObject(item)) addObject(size, item);
  }
  addText(size, request.instructions);
  for (const member of ['tools', 'text']) addJson(size, request[member]);
  return size.tokens + tokensOfBytes(size.bytes);
}

function addObject(size: Size, object: JsonObject): void {
  // The result of an image generation is the image.
  if (object.type === 'input_image' || object.type === 'image_generation_call') {
    size.tokens += TOKENS_PER_IMAGE;
    return;
  }
  for (const member of TEXT_MEMBERS) addText(size, object[member]);
  for (const member of LIST_MEMBERS) addList(size, object[member]);
  addBinary(size, object.file_data);
  addBinary(size, objectOf(object.input_audio).data);
  addBinary(size, object.encrypted_content);
}

function addList(size: Size, parts: unknown): void {
  if (!Array.isArray(parts)) return;
  for (const part of parts) if (isObject(part)) addObject(size, part);
}

function addText(size: Size, value: unknown): void {
  size.bytes += Buffer.byteLength(textOf(value));
}

function addBinary(size: Size, value: unknown): void {
  size.bytes += Math.ceil(textOf(value).length / BINARY_SHARE);
}

function addJson(size: Size, value: unknown): void {
  if (value !== undefined && value !== null) size.bytes += JSON.stringify(value).length;
}
