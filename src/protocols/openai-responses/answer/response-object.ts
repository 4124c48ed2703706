// The response object for answers of other providers, with every field that the official types require and live answers
// always have. What the client asked for is echoed; the rest has OpenAI's defaults.

import type { FinishReason } from '#src/contracts/answer.ts';
import { type EncodeContext, idFor, type JsonObject } from '#src/protocols/codec.ts';
import { isObject, objectOf, objectsOf } from '#src/protocols/wire/loose-json.ts';

export type ResponseStatus = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** Identity of the provider's answer; null until it has begun. */
export interface AnswerIdentity {
  model: string | null;
  createdAt: number | null;
  serviceTier: string | null;
}

export interface ResponseState {
  status: ResponseStatus;
  output: readonly JsonObject[];
  incompleteReason?: string;
  error?: { code: string; message: string };
  /** As on the wire; absent until known, because OpenAI's openapi.yaml does not allow the null that OpenAI sends before. */
  usage?: JsonObject;
}

/** Echoed as they came, or null. */
const ECHOED = [
  ...['instructions', 'max_output_tokens', 'max_tool_calls', 'previous_response_id'],
  ...['prompt_cache_key', 'safety_identifier'],
];

/** Without `completed_at`, because protocols have no clock. */
export function writeResponse(context: EncodeContext, identity: AnswerIdentity, state: ResponseState): JsonObject {
  const { clientBody: asked, requestId, createdAt } = context;
  const isRunning = state.status === 'in_progress';
  return {
    id: idFor('resp_', requestId),
    object: 'response',
    created_at: identity.createdAt ?? createdAt,
    status: state.status,
    background: false,
    error: state.error ?? null,
    incomplete_details: state.incompleteReason === undefined ? null : { reason: state.incompleteReason },
    model: identity.model ?? asked.model,
    output: state.output,
    ...Object.fromEntries(ECHOED.map((name) => [name, asked[name] ?? null])),
    parallel_tool_calls: asked.parallel_tool_calls ?? true,
    reasoning: { effort: null, summary: null, ...objectOf(asked.reasoning) },
    // As in live answers: the requested tier while it runs, at the end the tier that served it.
    service_tier: identity.serviceTier ?? asked.service_tier ?? (isRunning ? 'auto' : 'default'),
    // Nothing is kept after the answer.
    store: false,
    temperature: asked.temperature ?? 1,
    text: { verbosity: 'medium', ...objectOf(asked.text), format: textFormat(asked) },
    tool_choice: asked.tool_choice ?? 'auto',
    tools: objectsOf(asked.tools).map(writeTool),
    top_logprobs: asked.top_logprobs ?? 0,
    top_p: asked.top_p ?? 1,
    truncation: asked.truncation ?? 'disabled',
    ...(typeof asked.user === 'string' ? { user: asked.user } : {}),
    metadata: asked.metadata ?? {},
    ...(state.usage === undefined ? {} : { usage: state.usage }),
  };
}

/** The end of a response that another encoder, or a provider, began; its other members are kept. */
export function endResponse(begun: JsonObject, { serviceTier }: AnswerIdentity, state: ResponseState): JsonObject {
  const { completed_at: _completedAt, ...said } = begun;
  return {
    ...said,
    status: state.status,
    error: state.error ?? null,
    incomplete_details: state.incompleteReason === undefined ? null : { reason: state.incompleteReason },
    output: state.output,
    ...(serviceTier === null ? {} : { service_tier: serviceTier }),
    ...(state.usage === undefined ? {} : { usage: state.usage }),
  };
}

function textFormat(asked: JsonObject): JsonObject {
  const { format } = objectOf(asked.text);
  return isObject(format) ? format : { type: 'text' };
}

/** Functions are echoed with defaults for omitted members: `parameters` and `strict` are required. */
function writeTool(tool: JsonObject): JsonObject {
  if (tool.type !== 'function') return tool;
  return { description: null, parameters: null, ...tool, strict: tool.strict ?? true };
}

// How an answer ended, in the terms of a response.

/** The end of an answer as a response shows it. */
export type Outcome = Pick<ResponseState, 'incompleteReason' | 'error'> & {
  status: 'completed' | 'incomplete' | 'failed';
};

/** `message`: the provider's, for an answer that ended with an error. */
export function outcomeOf(reason: FinishReason, message?: string): Outcome {
  switch (reason) {
    case 'length':
      return { status: 'incomplete', incompleteReason: 'max_output_tokens' };
    case 'content-filter':
      return { status: 'incomplete', incompleteReason: 'content_filter' };
    case 'error':
      return {
        status: 'failed',
        error: { code: 'server_error', message: message || 'The provider could not finish its answer.' },
      };
    default:
      return { status: 'completed' };
  }
}
