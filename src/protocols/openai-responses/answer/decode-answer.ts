// A whole response of a Responses provider in canonical form.
import type { Answer, FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Failure } from '#src/contracts/failure.ts';
import type { Part, TextPart, ToolCallPart } from '#src/contracts/inference-request.ts';
import { callIdFor, type DecodeContext, type JsonObject } from '#src/protocols/codec.ts';
import { isObject, objectOf, objectsOf, present, textOf } from '#src/protocols/wire/loose-json.ts';
import { readLogProbabilities } from '../events.ts';
import { failureOfAnswer, MALFORMED_ANSWER } from '../failures.ts';
import { reasoningText } from '../reasoning.ts';
import { decodeAnnotation } from '../request/decode-content.ts';
import { readResponsesUsage } from '../usage.ts';

/** Not `queued`, `in_progress` or `cancelled`: those have no answer. */
const ANSWERED: ReadonlySet<unknown> = new Set(['completed', 'incomplete', undefined, null]);

export function decodeResponsesAnswer(body: unknown, context: DecodeContext): Answer | Failure {
  const response = isObject(body) ? body : null;
  const failure = failureOfAnswer(response);
  if (failure !== null) return failure;
  if (response === null || !ANSWERED.has(response.status)) return MALFORMED_ANSWER;
  const items = objectsOf(response.output);
  const parts = nameCalls(
    items.flatMap(partsOfItem).filter((part) => part !== null),
    context,
  );
  const logProbabilities = items.flatMap(logProbabilitiesOf);
  return {
    id: textOf(response.id),
    model: textOf(response.model),
    choices: [
      {
        index: 0,
        parts,
        finishReason: finishReasonOf(
          response,
          parts.some((part) => part.kind === 'tool-call'),
        ),
        ...(logProbabilities.length > 0 ? { logProbabilities } : {}),
      },
    ],
    usage: readResponsesUsage(response.usage, response),
    ...present({
      createdAt: createdAtOf(response),
      serviceTier: textOf(response.service_tier) || null,
    }),
  };
}

function nameCalls(parts: Part[], context: DecodeContext): Part[] {
  let ordinal = 0;
  return parts.map((part) => {
    if (part.kind !== 'tool-call') return part;
    const id = part.id || callIdFor(context, ordinal);
    ordinal++;
    return { ...part, id };
  });
}

function logProbabilitiesOf(item: JsonObject): TokenLogProbability[] {
  return objectsOf(item.content).flatMap((content) => readLogProbabilities(content.logprobs));
}

export function createdAtOf(response: JsonObject): number | null {
  return typeof response.created_at === 'number' ? Math.floor(response.created_at) : null;
}

/** An unknown reason still means an incomplete answer. */
export function finishReasonOf(response: JsonObject, hasCalls: boolean): FinishReason {
  if (response.status !== 'incomplete') return hasCalls ? 'tool-calls' : 'stop';
  return objectOf(response.incomplete_details).reason === 'content_filter' ? 'content-filter' : 'length';
}

// A finished output item as canonical parts.

/** Null for content without a canonical form, so that indexes match those on the wire. */
export function partsOfItem(item: JsonObject): (Part | null)[] {
  switch (item.type) {
    case 'message':
      return objectsOf(item.content).map(partOfContent);
    case 'reasoning':
      return partsOfReasoning(item);
    case 'function_call':
    case 'custom_tool_call':
      // A call without a name cannot be made.
      return textOf(item.name).trim() === '' ? [] : [callOf(item)];
    case 'image_generation_call':
      return partsOfImage(item);
    default:
      // Traces of hosted tools, and unknown kinds.
      return [];
  }
}

function partOfContent(content: JsonObject): Part | null {
  if (content.type === 'refusal') return { kind: 'refusal', text: textOf(content.refusal) };
  if (content.type !== 'output_text') return null;
  const citations = objectsOf(content.annotations).flatMap(decodeAnnotation);
  const part: TextPart = { kind: 'text', text: textOf(content.text) };
  return citations.length === 0 ? part : { ...part, citations };
}

/** Empty if there is neither text nor a signature. */
function partsOfReasoning(item: JsonObject): Part[] {
  const text = reasoningText(item);
  const value = textOf(item.encrypted_content);
  if (text === '' && value === '') return [];
  const signature = value === '' ? null : ({ origin: 'openai-responses', value } as const);
  return [{ kind: 'reasoning', text, ...present({ id: textOf(item.id) || null, signature }) }];
}

/** The id is '' if the provider gives none. */
export function callOf(item: JsonObject): ToolCallPart {
  const id = textOf(item.call_id) || textOf(item.id);
  const isCustom = item.type === 'custom_tool_call';
  const text = textOf(isCustom ? item.input : item.arguments);
  const namespace = present({ namespace: textOf(item.namespace) || null });
  return {
    kind: 'tool-call',
    id,
    name: textOf(item.name),
    ...namespace,
    arguments: text,
    ...(isCustom ? { isCustom } : {}),
  };
}

function partsOfImage(item: JsonObject): Part[] {
  const data = textOf(item.result);
  if (data === '') return [];
  return [
    { kind: 'image', source: { kind: 'base64', mediaType: `image/${textOf(item.output_format) || 'png'}`, data } },
  ];
}
