// Failures of the Responses API. Before a stream they are those of every OpenAI API; inside one the broker sends flat
// `error` events, and providers send `error` events or `response.failed`.
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { FailureCode } from '../../contracts/failure-table.ts';
import type { JsonObject } from '../codec.ts';
import { encodeChatFailure, readChatEventFailure } from '../openai/failures.ts';
import { cutWords, tellClient } from '../providers/words.ts';
import { isObject, objectOf, textOf } from '../wire/loose-json.ts';

/**
 * The event that ends a stream with an error: flat, as documented (providers also nest it in `error`; SDKs read both).
 * Its writer may not have written the stream, so the next sequence number is unknown. It uses 0, which a client that resumes
 * after any number has already passed.
 */
export function encodeResponsesFailureEvent(failure: Failure): Buffer {
  const { error } = JSON.parse(encodeChatFailure(failure).body.toString()) as { error: JsonObject };
  const event = { type: 'error', code: error.code, message: error.message, param: error.param, sequence_number: 0 };
  return Buffer.from(`event: error\ndata: ${JSON.stringify(event)}\n\n`);
}

/**
 * Which failure an `error.code` of this API is (the values: types of npm openai 7.55.0, `ResponseError`). Other codes
 * are read as in every OpenAI API: `server_error`, `rate_limit_exceeded`, `insufficient_quota`.
 */
const CODES: readonly (readonly [RegExp, FailureCode])[] = [
  [/content_filter|_policy(_violation)?$|^invalid_prompt$/, 'upstream_content_filter'],
  [/^context_length_exceeded$/, 'upstream_context_length'],
  [/^model_not_found$/, 'upstream_model_missing'],
  [/^(server_is_)?overloaded|^slow_down$/, 'upstream_overloaded'],
  [/^data_residency_mismatch$|image|^invalid_(?!api_key)|^(unsupported|missing)_|_not_found$/, 'upstream_bad_request'],
];

/** An error inside a stream or an answer that had begun with status 200: `{code, message}`, nested in `error` or flat. */
export function readResponsesEventFailure(event: unknown): Failure {
  const outer = objectOf(event);
  const error = isObject(outer.error) ? outer.error : outer;
  const words = { code: textOf(error.code), message: textOf(error.message), param: textOf(error.param) };
  const { code: upstreamCode, message, param } = cutWords(words);
  const row = CODES.find(([pattern]) => pattern.test(upstreamCode));
  if (row === undefined) {
    // The type of a flat event is always `error`.
    return readChatEventFailure(error === outer ? { ...error, type: undefined } : error);
  }
  const said = message || 'The provider reported an error inside its answer.';
  return createFailure(row[1], tellClient(row[1], said), {
    upstreamCode,
    ...(param === '' ? {} : { param }),
  });
}

export const MALFORMED_EVENT: Failure = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not valid JSON; the response may be incomplete.',
);

export const MALFORMED_ANSWER: Failure = createFailure(
  'upstream_malformed',
  'The provider responded with 200, but the body is not a finished response.',
);

/** Why a body with status 200 is not an answer, or null. Unknown statuses are left to the client. */
export function failureOfAnswer(answer: JsonObject | null): Failure | null {
  if (answer === null) return MALFORMED_ANSWER;
  if (answer.error || answer.status === 'failed') return readResponsesEventFailure({ error: answer.error });
  return Array.isArray(answer.output) ? null : MALFORMED_ANSWER;
}

export const CUT: Failure = createFailure(
  'upstream_stream_cut',
  'The provider closed the stream before the response was finished.',
);
