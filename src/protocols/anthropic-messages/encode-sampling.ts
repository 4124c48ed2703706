// Temperature and its like. The newest models refuse them, and so does version 2026-10-21 whatever the model: calls go out
// under 2023-06-01 (protocol.ts), which older models take them with.
import type { Sampling } from '../../contracts/inference-request.ts';
import type { JsonObject, RequestField } from '../codec.ts';
import type { Encoding } from './encoding.ts';
import { defined } from './loose-json.ts';
import type { ModelTraits } from './models.ts';

/** Anthropic's scale ends where OpenAI's has its middle. */
const MAX_TEMPERATURE = 1;
/** While it thinks, a model takes no other temperature, and little of the rest. */
const THINKING_TEMPERATURE = 1;
const LEAST_THINKING_TOP_P = 0.95;

export function encodeSampling(
  sampling: Sampling,
  traits: ModelTraits,
  isThinking: boolean,
  encoding: Encoding,
): JsonObject {
  const { temperature, topP, topK } = sampling;
  const keep = <T>(field: RequestField, value: T | undefined, isTaken: boolean): T | undefined => {
    if (value !== undefined && !(isTaken && traits.takesSampling)) encoding.drop(field);
    return isTaken && traits.takesSampling ? value : undefined;
  };
  const clamped = temperature === undefined ? undefined : Math.min(temperature, MAX_TEMPERATURE);
  if (clamped !== temperature) encoding.drop('temperature');
  // Not both in one request (docs/reference/anthropic-messages.md section 2).
  const isTopPTaken = temperature === undefined;
  return defined({
    temperature: keep('temperature', clamped, !isThinking || clamped === THINKING_TEMPERATURE),
    top_p: keep('topP', topP, isTopPTaken && (!isThinking || (topP ?? 0) >= LEAST_THINKING_TOP_P)),
    top_k: keep('topK', topK, !isThinking),
  });
}
