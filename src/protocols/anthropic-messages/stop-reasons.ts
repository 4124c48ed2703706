// Why an answer ended, in Anthropic's words and in ours (docs/reference/anthropic-messages.md section 3).
import type { FinishReason } from '../../contracts/answer.ts';
import type { JsonObject } from '../codec.ts';
import { asObject, asText } from './loose-json.ts';

const FINISH_REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  tool_use: 'tool-calls',
  refusal: 'content-filter',
  pause_turn: 'pause',
  compaction: 'pause',
};

/** An end for a reason that is not known is no clean one. Without a call for the client, `tool_use` is a stop. */
export function readStopReason(reason: unknown, hasToolCall: boolean): FinishReason {
  const word = asText(reason);
  const known = FINISH_REASONS[word] ?? (word === '' ? 'stop' : 'error');
  return known === 'tool-calls' && !hasToolCall ? 'stop' : known;
}

/** Why the provider refused, where it says so. */
export function readRefusal(stopReason: unknown, stopDetails: unknown): string {
  return stopReason === 'refusal' ? asText(asObject(stopDetails)?.explanation) : '';
}

export interface AnswerEnd {
  reason: FinishReason;
  stopSequence: string | undefined;
  hasToolCall: boolean;
  /** Empty where the model did not refuse in words. */
  refusal: string;
  /** What the provider says of an end that is no clean one. */
  message?: string | undefined;
}

const BROKEN = 'The provider ended this answer with an error; it may be incomplete.';

/** `stop_reason`, `stop_sequence` and `stop_details`. */
export function writeStop(end: AnswerEnd): JsonObject {
  const reason = stopReasonOf(end);
  // An answer that its provider calls broken must not look whole, and no other reason says so.
  const explanation = end.reason === 'error' ? end.message || BROKEN : end.refusal || end.message;
  return {
    stop_reason: reason,
    stop_sequence: reason === 'stop_sequence' ? (end.stopSequence ?? null) : null,
    stop_details: reason === 'refusal' ? { type: 'refusal', category: null, explanation: explanation || null } : null,
  };
}

function stopReasonOf({ reason, stopSequence, hasToolCall, refusal }: AnswerEnd): string {
  if (refusal !== '' || reason === 'content-filter' || reason === 'error') return 'refusal';
  if (reason === 'length') return 'max_tokens';
  if (reason === 'pause') return 'pause_turn';
  // Clients of this protocol run tools for this reason only; some providers end calls with `stop`.
  if (reason === 'tool-calls' || hasToolCall) return 'tool_use';
  return stopSequence === undefined ? 'end_turn' : 'stop_sequence';
}
