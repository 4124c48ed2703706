// The response object of a request in any state: queued, in progress, complete, cut off.
import type { Failure } from '../contracts/failure.ts';
import { FAILURES, type FailureCode, ruleOf } from '../contracts/failure-table.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { JsonObject } from '../protocols/codec.ts';
import { writeResponse } from '../protocols/openai-responses/answer/response-object.ts';
import { parseEvent, type ResponsesEvent, TERMINAL_TYPES } from '../protocols/openai-responses/events.ts';
import { memberBytes } from '../protocols/wire/json-object.ts';
import { isObject, objectOf, objectsOf, parseObject, textOf } from '../protocols/wire/loose-json.ts';
import { type SseEvent, SseSplitter } from '../protocols/wire/sse-splitter.ts';
import { responseIdOf } from './items.ts';

/** OpenAI's statuses (docs/reference/openai-responses.md section 4). */
type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'failed' | 'incomplete' | 'cancelled';

/**
 * A background stream begins with `response.created` (0) and `response.queued` (1), before a provider is called; the provider's
 * events follow. In this order, because the SDKs' helpers require it (npm openai 7.55.0, 6.49.0).
 */
export const OPENING_EVENTS = ['response.created', 'response.queued'] as const;

/** Members that the broker sets, whichever provider answers. */
export function brokerMembers(spec: Pick<RequestSpec, 'requestId' | 'response' | 'acceptedAtMs'>): JsonObject {
  const { requestId, response: keeping, acceptedAtMs } = spec;
  if (keeping === undefined) return {};
  return {
    id: responseIdOf(requestId),
    store: keeping.keepMs !== null,
    background: keeping.isBackground,
    previous_response_id: keeping.previousResponseId,
    ...(keeping.conversationId === null ? {} : { conversation: { id: keeping.conversationId } }),
    // The client already got this time in the first answer, before a provider was called.
    ...(keeping.isBackground ? { created_at: Math.floor(acceptedAtMs / 1_000) } : {}),
  };
}

/** Before an answer has begun. */
export function emptyResponse(spec: RequestSpec, body: JsonObject, status: ResponseStatus): JsonObject {
  const context = {
    requestId: spec.requestId,
    createdAt: Math.floor(spec.acceptedAtMs / 1_000),
    clientBody: { ...body, model: spec.model },
    usageDelivery: spec.usageDelivery,
  };
  const identity = { model: null, createdAt: null, serviceTier: null };
  const written = writeResponse(context, identity, { status: 'in_progress', output: [] });
  return { ...written, ...brokerMembers(spec), status, usage: null };
}

/** While it is in progress: with the items and texts so far. */
export function runningResponse(
  spec: RequestSpec,
  body: JsonObject,
  bytes: Buffer,
  status: ResponseStatus,
): JsonObject {
  const empty = emptyResponse(spec, body, status);
  if (!spec.isStream) return empty;
  const fold = foldStream(bytes);
  return { ...empty, ...fold.response, ...brokerMembers(spec), status, output: fold.output };
}

/** The answer in the reply log. */
interface Answered {
  bytes: Buffer;
  /** For a request without any answer. */
  failure: Failure | null;
}

export interface EndedResponse {
  status: ResponseStatus;
  /** JSON text. */
  response: string;
}

/** @param outcome `ok` or a failure's code */
export function endedResponse(
  spec: RequestSpec,
  body: JsonObject,
  { bytes, failure }: Answered,
  outcome: string,
): EndedResponse {
  const whole = outcome === 'ok' ? wholeResponse(spec, bytes) : null;
  if (whole !== null) return { status: statusOf(whole), response: whole.toString() };
  const said = failure?.message ?? (spec.isStream ? textOf(foldStream(bytes).error?.message) : '');
  const ending = endMembers(outcome, said);
  return {
    status: ending.status,
    response: JSON.stringify({ ...runningResponse(spec, body, bytes, ending.status), ...ending }),
  };
}

/** Byte for byte: parsing would round the decimals of its costs. */
function wholeResponse({ isStream }: RequestSpec, bytes: Buffer): Buffer | null {
  if (!isStream) return parseObject(bytes.toString()) === null ? null : bytes;
  const last = new SseSplitter().push(bytes).findLast((event) => TERMINAL_TYPES.has(parseEvent(event)?.type));
  return last === undefined ? null : memberBytes(Buffer.from(last.data!), 'response');
}

function statusOf(response: Buffer): ResponseStatus {
  return (textOf(parseObject(response.toString())?.status) || 'completed') as ResponseStatus;
}

/** Members that describe the end of a response that did not succeed. */
export function endMembers(outcome: string, message: string) {
  const status: ResponseStatus = outcome === 'request_cancelled' ? 'cancelled' : 'failed';
  const error = { code: errorCode(outcome), message: message || `The request failed (${outcome}).` };
  return { status, error: status === 'failed' ? error : null, completed_at: null, incomplete_details: null };
}

/** This API has only a few codes (npm openai 7.55.0, `ResponseError`). */
function errorCode(outcome: string): string {
  if (!Object.hasOwn(FAILURES, outcome)) return 'server_error';
  switch (ruleOf(outcome as FailureCode).kind) {
    case 'rate_limit':
      return 'rate_limit_exceeded';
    case 'invalid_request':
    case 'too_large':
      return 'invalid_prompt';
    default:
      return 'server_error';
  }
}

/** Delta event → appends its text to the right member of the item. */
const DELTAS: Readonly<Record<string, (item: JsonObject, event: ResponsesEvent) => void>> = {
  'response.output_text.delta': (item, event) => append(partOf(item, 'content', event.content_index), 'text', event),
  'response.refusal.delta': (item, event) => append(partOf(item, 'content', event.content_index), 'refusal', event),
  'response.reasoning_text.delta': (item, event) => append(partOf(item, 'content', event.content_index), 'text', event),
  'response.reasoning_summary_text.delta': (item, event) =>
    append(partOf(item, 'summary', event.summary_index), 'text', event),
  'response.function_call_arguments.delta': (item, event) => append(item, 'arguments', event),
  'response.custom_tool_call_input.delta': (item, event) => append(item, 'input', event),
};

/** Part event → the list that contains the part, and its index. */
const PARTS: Readonly<Record<string, readonly ['content' | 'summary', 'content_index' | 'summary_index']>> = {
  'response.content_part.added': ['content', 'content_index'],
  'response.content_part.done': ['content', 'content_index'],
  'response.reasoning_summary_part.added': ['summary', 'summary_index'],
  'response.reasoning_summary_part.done': ['summary', 'summary_index'],
};

/** Assembles a response from the events of its stream so far: for responses in progress and for those that were cut off. */
export class ResponseFold {
  readonly #items = new Map<number, JsonObject>();
  #response: JsonObject | null = null;
  #lastSequence = -1;
  #error: JsonObject | null = null;
  #isWhole = false;

  /** The error event that ended it; null if there is none. */
  get error(): JsonObject | null {
    return this.#error;
  }

  /** Number of the last event; -1 before the first. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** The response object of the provider's last event that has one; null before the first. */
  get response(): JsonObject | null {
    return this.#response;
  }

  /** The provider sent a terminal event. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** The items so far, in order. */
  get output(): JsonObject[] {
    return [...this.#items.entries()].sort(([a], [b]) => a - b).map(([, item]) => item);
  }

  accept(event: SseEvent): void {
    const parsed = parseEvent(event);
    if (parsed !== null) this.#fold(parsed);
  }

  #fold(event: ResponsesEvent): void {
    if (event.type === 'error') {
      this.#error = event;
      return;
    }
    if (typeof event.sequence_number === 'number') this.#lastSequence = event.sequence_number;
    if (isObject(event.response)) this.#response = event.response;
    this.#isWhole ||= TERMINAL_TYPES.has(event.type);
    if (typeof event.output_index !== 'number') return;
    if (isObject(event.item)) this.#items.set(event.output_index, event.item);
    else this.#change(this.#items.get(event.output_index), event);
  }

  #change(item: JsonObject | undefined, event: ResponsesEvent): void {
    if (item === undefined) return;
    const type = textOf(event.type);
    DELTAS[type]?.(item, event);
    const place = PARTS[type];
    if (place === undefined || !isObject(event.part)) return;
    const [list, index] = place;
    const parts = objectsOf(item[list]);
    parts[numberOf(event[index])] = event.part;
    item[list] = parts;
  }
}

/** Folds the bytes so far; an incomplete event at the end is ignored. */
export function foldStream(bytes: Buffer): ResponseFold {
  const fold = new ResponseFold();
  for (const event of new SseSplitter().push(bytes)) fold.accept(event);
  return fold;
}

function partOf(item: JsonObject, list: 'content' | 'summary', index: unknown): JsonObject {
  return objectOf(objectsOf(item[list])[numberOf(index)]);
}

function append(target: JsonObject, member: string, event: ResponsesEvent): void {
  target[member] = textOf(target[member]) + textOf(event.delta);
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
