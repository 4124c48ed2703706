// Members that whole answers and events have in common.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerChoice, AnswerPart } from '../../engine/answers/answer.ts';
import type { Identity } from '../dialect.ts';
import type { MessageRequest } from './message-request.ts';

/** A message without its content, its end and its usage. */
export function messageHead(request: MessageRequest, { unique }: Identity) {
  return { id: `msg_${unique}`, type: 'message', role: 'assistant', model: request.model };
}

/** Since version 2026-10-21, absent members are written as null. */
export function absentMembers({ version }: MessageRequest, ...members: readonly string[]): Record<string, null> {
  return version === '2023-06-01' ? {} : Object.fromEntries(members.map((member) => [member, null]));
}

export interface Ending {
  stop_reason: string;
  stop_sequence: string | null;
  stop_details: object | null;
}

export const REFUSED: Ending = {
  stop_reason: 'refusal',
  stop_sequence: null,
  stop_details: {
    type: 'refusal',
    category: null,
    explanation:
      'The simulator was told to filter this, as Anthropic does for possible violations of its usage policy.',
  },
};

/** An answer that was cut before `max_tokens` reached the end of the context window. */
export function endingOf(choice: AnswerChoice, outputTokens: number, { maxTokens }: MessageRequest): Ending {
  const ending = (reason: string) => ({ stop_reason: reason, stop_sequence: null, stop_details: null });
  if (choice.parts.some((part) => part.kind === 'text' && part.isRefusal)) return REFUSED;
  switch (choice.finish) {
    case 'stop':
      if (choice.stoppedBy === undefined) return ending('end_turn');
      return { ...ending('stop_sequence'), stop_sequence: choice.stoppedBy };
    case 'length':
      return ending(outputTokens >= maxTokens ? 'max_tokens' : 'model_context_window_exceeded');
    case 'tool_calls':
      return ending('tool_use');
    case 'content_filter':
      return REFUSED;
  }
}

/** Tokens read from or written to the cache are not part of `input_tokens`. */
export function inputUsage(usage: Usage) {
  return {
    input_tokens: usage.inputTokens - usage.cachedInputTokens - usage.cacheWriteTokens,
    cache_creation_input_tokens: usage.cacheWriteTokens,
    cache_read_input_tokens: usage.cachedInputTokens,
  };
}

/** Thoughts are part of `output_tokens`. */
export function outputUsage({ outputTokens, reasoningTokens }: Usage) {
  return { output_tokens: outputTokens, output_tokens_details: { thinking_tokens: reasoningTokens } };
}

/** Members of `usage` other than the counts, in the first event and in a whole answer. */
export function usageDetails(request: MessageRequest, { cacheWriteTokens }: Usage) {
  const isLong = request.cacheLifetime === '1h';
  return {
    cache_creation: {
      ephemeral_5m_input_tokens: isLong ? 0 : cacheWriteTokens,
      ephemeral_1h_input_tokens: isLong ? cacheWriteTokens : 0,
    },
    ...absentMembers(request, 'server_tool_use'),
    service_tier: 'standard',
    inference_geo: 'not_available',
  };
}

export type ReasoningPart = Extract<AnswerPart, { kind: 'reasoning' }>;

/** The text of a thinking block: empty if it is omitted, null if thoughts are not part of the answer. */
export function shownThought({ text, isShown }: ReasoningPart, { hasThoughts }: MessageRequest): string | null {
  if (isShown) return text;
  return hasThoughts ? '' : null;
}

/** `caller` of a tool call that the model made itself. */
export const DIRECT = { type: 'direct' };

export function toolUseId(id: string): string {
  return `toolu_${id}`;
}

export const OVERLOADED = { details: null, type: 'overloaded_error', message: 'Overloaded' };
