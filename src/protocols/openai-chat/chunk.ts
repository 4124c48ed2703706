// The members of a chat completion (chunk) that the broker reads. All optional: providers leave out what they like, and
// only what is read here is checked where it is read.

import type { Signature } from '#src/contracts/inference-request.ts';
import { isJsonObject, parseMessage } from '../wire/exact-json.ts';
import type { SseEvent } from '../wire/sse-splitter.ts';
import { decodeExtraContent } from './signatures.ts';

export interface ChatDelta {
  role?: unknown;
  content?: unknown;
  reasoning_content?: unknown;
  reasoning?: unknown;
  reasoning_details?: unknown;
  refusal?: unknown;
  tool_calls?: ChatToolCall[] | null;
  function_call?: unknown;
  annotations?: unknown;
  images?: unknown;
  audio?: unknown;
}

export interface ChatToolCall {
  index?: unknown;
  id?: unknown;
  type?: unknown;
  function?: { name?: unknown; arguments?: unknown };
  custom?: { name?: unknown; input?: unknown };
  extra_content?: unknown;
}

export interface ChatChoice {
  index?: number;
  delta?: ChatDelta | null;
  message?: ChatDelta | null;
  finish_reason?: string | null;
  logprobs?: unknown;
  /** In the older completions, in place of a delta or message. */
  text?: unknown;
  /** OpenRouter reports the error of a single choice here. */
  error?: unknown;
}

export interface ChatChunk {
  id?: string;
  object?: string;
  created?: number;
  model?: string;
  service_tier?: unknown;
  error?: unknown;
  usage?: unknown;
  /** Groq reports usage here if it was not requested. */
  x_groq?: { usage?: unknown } | null;
  choices?: ChatChoice[] | null;
}

/** Null unless it is a JSON object. */
export function parseChatChunk(json: string): ChatChunk | null {
  try {
    const value = parseMessage(json);
    return isJsonObject(value) ? (value as ChatChunk) : null;
  } catch {
    return null;
  }
}

/** The error of a chunk, in the usual member or as the whole of an event named `error`; null for none. */
export function errorIn(event: SseEvent, chunk: ChatChunk): unknown {
  if (chunk.error) return chunk.error;
  return event.name === 'error' && chunk.choices === undefined ? chunk : null;
}

/** The items that are objects, since a provider's list may hold anything. */
export function objectsIn<T extends object>(list: readonly T[] | null | undefined): T[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
}

/** Id, model and time; without those that the provider leaves out. */
export function readIdentity({ id, model, created }: ChatChunk) {
  return {
    id: typeof id === 'string' ? id : '',
    model: typeof model === 'string' ? model : '',
    ...(Number.isInteger(created) && created! > 0 ? { createdAt: created! } : {}),
  };
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  return value === null || value === undefined ? 0 : JSON.stringify(value).length;
}

/** Bytes of generated text in a choice: what an estimate of output tokens counts. */
export function choiceBytes({ delta, message, text }: ChatChoice): number {
  return deltaBytes(delta ?? message) + bytesOf(text);
}

function deltaBytes(delta: ChatDelta | null | undefined): number {
  if (!delta) return 0;
  let bytes = bytesOf(delta.content) + bytesOf(delta.reasoning_content ?? delta.reasoning) + bytesOf(delta.refusal);
  for (const { function: called, custom } of objectsIn(delta.tool_calls)) {
    bytes += bytesOf(called?.name ?? custom?.name) + bytesOf(called?.arguments ?? custom?.input);
  }
  return bytes;
}

// One tool call of a delta or a message, whichever provider wrote it: OpenAI's shape with members missing, arguments as an
// object in place of JSON text, a custom tool's input, the older `function_call`.
export interface ReadCall {
  /** Null if the provider gives no valid index. */
  index: number | null;
  /** Empty if the provider gives none; Google's own OpenAI endpoint writes "". */
  id: string;
  name: string;
  arguments: string;
  isCustom: boolean;
  signature?: Signature;
}

/** Without empty calls: Snowflake puts a `function_call` of empty members into every answer (November 2026). */
export function readCalls(delta: ChatDelta): ReadCall[] {
  const calls = objectsIn(delta.tool_calls).map(readCall);
  const older = delta.function_call;
  const all = typeof older === 'object' && older !== null ? [...calls, readCall({ function: older })] : calls;
  return all.filter((call) => !isEmptyCall(call));
}

/** In a stream, an empty delta may belong to a call that has begun, but never begins one. */
export function isEmptyCall({ id, name, arguments: text, signature }: ReadCall): boolean {
  return id === '' && name.trim() === '' && text === '' && signature === undefined;
}

/** A call without a name cannot be made. */
export function isNameless({ name }: { name: string }): boolean {
  return name.trim() === '';
}

export function readCall(call: ChatToolCall): ReadCall {
  const isCustom = call.function === undefined && typeof call.custom === 'object' && call.custom !== null;
  const body = isCustom ? { name: call.custom!.name, arguments: call.custom!.input } : (call.function ?? {});
  const signature = decodeExtraContent(call.extra_content);
  return {
    index: Number.isInteger(call.index) ? (call.index as number) : null,
    id: typeof call.id === 'string' ? call.id : '',
    name: typeof body.name === 'string' ? body.name : '',
    arguments: argumentsText(body.arguments),
    isCustom,
    ...(signature === undefined ? {} : { signature }),
  };
}

export function argumentsText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? '' : JSON.stringify(value);
}
