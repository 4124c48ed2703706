// One choice of the older completions: a text, why it ended, and its log probabilities in their older form.
import type { AnswerChoice, FinishReason, TokenLogProbability } from '../../contracts/answer.ts';
import type { Part } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';

/** A refusal is all that such a client would otherwise see nothing of; thoughts and calls have no place here. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('');
}

export function encodeCompletionChoice({ index, parts, finishReason, logProbabilities }: AnswerChoice): JsonObject {
  return {
    text: textOfParts(parts),
    index,
    logprobs: encodeOlderLogProbabilities(logProbabilities ?? [], 0),
    finish_reason: encodeOlderFinish(finishReason),
  };
}

/** Only three words; an answer that is not whole says `length`. */
export function encodeOlderFinish(reason: FinishReason): string {
  switch (reason) {
    case 'length':
    case 'error':
      return 'length';
    case 'content-filter':
      return 'content_filter';
    default:
      return 'stop';
  }
}

/** Null where there are none. `offset`: UTF-16 units of the choice's text before the first of these tokens. */
export function encodeOlderLogProbabilities(tokens: readonly TokenLogProbability[], offset: number) {
  if (tokens.length === 0) return null;
  let at = offset;
  const offsets = tokens.map(({ token }) => {
    const start = at;
    at += token.length;
    return start;
  });
  return {
    text_offset: offsets,
    token_logprobs: tokens.map(({ logProbability }) => logProbability),
    tokens: tokens.map(({ token }) => token),
    top_logprobs: tokens.map(({ alternatives }) =>
      Object.fromEntries(alternatives.map(({ token, logProbability }) => [token, logProbability])),
    ),
  };
}
