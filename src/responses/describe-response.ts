// The response object of a request, at any time of its life: queued, under way, whole, broken off.
import type { Failure } from '../contracts/failure.ts';
import { FAILURES, type FailureCode, ruleOf } from '../contracts/failure-table.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { JsonObject } from '../protocols/codec.ts';
import { memberBytes } from '../protocols/json-object.ts';
import { parseObject, textOf } from '../protocols/openai-responses/loose-json.ts';
import { writeResponse } from '../protocols/openai-responses/response-object.ts';
import { parseEvent, TERMINAL_TYPES } from '../protocols/openai-responses/wire.ts';
import { SseSplitter } from '../protocols/sse-splitter.ts';
import { foldStream } from './response-fold.ts';
import { responseIdOf } from './response-ids.ts';

/** OpenAI's states (docs/reference/openai-responses.md section 4). */
export type ResponseStatus = 'queued' | 'in_progress' | 'completed' | 'failed' | 'incomplete' | 'cancelled';

/**
 * A background stream begins with `response.created` (0) and `response.queued` (1), before any provider is asked: a provider's
 * events come after them. In this order, since the SDKs' helpers want the former first (npm openai 7.55.0, 6.49.0).
 */
export const OPENING_EVENTS = ['response.created', 'response.queued'] as const;

/** Members of a response that are the broker's, whichever provider answers. */
export function brokerMembers(spec: Pick<RequestSpec, 'requestId' | 'response' | 'acceptedAtMs'>): JsonObject {
  const { requestId, response: keeping, acceptedAtMs } = spec;
  if (keeping === undefined) return {};
  return {
    id: responseIdOf(requestId),
    store: keeping.keepMs !== null,
    background: keeping.isBackground,
    previous_response_id: keeping.previousResponseId,
    ...(keeping.conversationId === null ? {} : { conversation: { id: keeping.conversationId } }),
    // Its first answer says when it was created, before any provider is asked.
    ...(keeping.isBackground ? { created_at: Math.floor(acceptedAtMs / 1_000) } : {}),
  };
}

/** Before there is anything of an answer. */
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

/** While it is under way: items and texts as far as they have come. */
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

/** What was answered, as the log has it. */
export interface Answered {
  bytes: Buffer;
  /** Of a request that had no answer at all. */
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

/** As it was sent: its costs are decimals that a parse and print would round. */
function wholeResponse({ isStream }: RequestSpec, bytes: Buffer): Buffer | null {
  if (!isStream) return parseObject(bytes.toString()) === null ? null : bytes;
  const last = new SseSplitter().push(bytes).findLast((event) => TERMINAL_TYPES.has(parseEvent(event)?.type));
  return last === undefined ? null : memberBytes(Buffer.from(last.data!), 'response');
}

function statusOf(response: Buffer): ResponseStatus {
  return (textOf(parseObject(response.toString())?.status) || 'completed') as ResponseStatus;
}

/** What a response that did not succeed says of its end. */
export function endMembers(outcome: string, message: string) {
  const status: ResponseStatus = outcome === 'request_cancelled' ? 'cancelled' : 'failed';
  const error = { code: errorCode(outcome), message: message || `The request failed (${outcome}).` };
  return { status, error: status === 'failed' ? error : null, completed_at: null, incomplete_details: null };
}

/** In the few words that this API has (npm openai 7.55.0, `ResponseError`). */
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
