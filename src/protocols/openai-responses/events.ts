// The members of responses and stream events that the broker reads. All optional and of unknown type: providers leave out
// what they like, and GitHub Copilot changes item ids from event to event (2026), so that `output_index` is what counts.

import type { TokenLogProbability } from '#src/contracts/answer.ts';
import type { JsonObject } from '../codec.ts';
import { isObject, objectsOf, parseObject, textOf } from '../wire/loose-json.ts';
import type { SseEvent } from '../wire/sse-splitter.ts';

export interface ResponsesEvent extends JsonObject {
  type?: unknown;
  response?: unknown;
  output_index?: unknown;
  content_index?: unknown;
  summary_index?: unknown;
  delta?: unknown;
  item?: unknown;
  part?: unknown;
}

/** Null for what is not a JSON object. */
export function parseEvent({ data, name }: SseEvent): ResponsesEvent | null {
  const event: ResponsesEvent | null = data === null ? null : parseObject(data);
  if (event !== null) event.type ??= name;
  return event;
}

export const TERMINAL_TYPES: ReadonlySet<unknown> = new Set(['response.completed', 'response.incomplete']);

/** Events before the first item have no content: `response.created`, `queued`, `in_progress`, `keepalive`. */
export function isContent(event: ResponsesEvent): boolean {
  return event.output_index !== undefined;
}

export function isAboutAnswer(event: ResponsesEvent): boolean {
  return isContent(event) || event.response !== undefined;
}

/** `response.failed`, an `error` event (flat, or nested as OpenAI sends it), or an error object of another API. */
export function isFailureEvent(event: ResponsesEvent): boolean {
  return event.type === 'error' || event.type === 'response.failed' || Boolean(event.error);
}

/** Bytes of generated text in an output item: what an estimate of output tokens counts. */
export function bytesOfItem(item: JsonObject): number {
  let bytes = 0;
  for (const member of ['name', 'arguments', 'input']) bytes += Buffer.byteLength(textOf(item[member]));
  for (const part of [...objectsOf(item.content), ...objectsOf(item.summary)]) {
    bytes += Buffer.byteLength(textOf(part.text)) + Buffer.byteLength(textOf(part.refusal));
  }
  return bytes;
}

// Log probabilities of tokens, read and written.
type Alternative = TokenLogProbability['alternatives'][number];

/** `bytes` is required. */
export function writeLogProbability(token: TokenLogProbability): JsonObject {
  return { ...writeAlternative(token), top_logprobs: token.alternatives.map(writeAlternative) };
}

function writeAlternative({ token, logProbability, bytes }: Alternative): JsonObject {
  return { token, logprob: logProbability, bytes: bytes ?? [...Buffer.from(token)] };
}

export function readLogProbabilities(value: unknown): TokenLogProbability[] {
  return objectsOf(value).flatMap((entry) => {
    const chosen = readAlternative(entry);
    return chosen === null ? [] : [{ ...chosen, alternatives: readAlternatives(entry.top_logprobs) }];
  });
}

function readAlternatives(value: unknown): Alternative[] {
  return objectsOf(value).flatMap((entry) => readAlternative(entry) ?? []);
}

function readAlternative(entry: JsonObject): Alternative | null {
  if (!isObject(entry) || typeof entry.token !== 'string' || typeof entry.logprob !== 'number') return null;
  const bytes = Array.isArray(entry.bytes) ? { bytes: entry.bytes as number[] } : {};
  return { token: entry.token, logProbability: entry.logprob, ...bytes };
}
