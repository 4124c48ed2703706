// A whole response of a Responses provider in canonical form.
import type { Answer, FinishReason, TokenLogProbability } from '../../contracts/answer.ts';
import type { Failure } from '../../contracts/failure.ts';
import type { Part } from '../../contracts/inference-request.ts';
import { callIdFor, type DecodeContext, type JsonObject } from '../codec.ts';
import { isObject, objectOf, objectsOf, present, textOf } from '../wire/loose-json.ts';
import { partsOfItem } from './decode-output.ts';
import { failureOfAnswer, MALFORMED_ANSWER } from './failures.ts';
import { readLogProbabilities } from './log-probabilities.ts';
import { readResponsesUsage } from './usage.ts';

/** `queued`, `in_progress`, `cancelled`: there is no answer yet, or there will be none. */
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

/** An end for a reason that is not known is still not the whole answer. */
export function finishReasonOf(response: JsonObject, hasCalls: boolean): FinishReason {
  if (response.status !== 'incomplete') return hasCalls ? 'tool-calls' : 'stop';
  return objectOf(response.incomplete_details).reason === 'content_filter' ? 'content-filter' : 'length';
}
