// Members that whole answers and chunks have in common.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { Identity } from '../dialect.ts';

export function completionId({ unique }: Identity): string {
  return `chatcmpl-${unique}`;
}

export function createdAt({ nowMs }: Identity): number {
  return Math.floor(nowMs / 1_000);
}

export function fingerprint({ seed }: Identity): string {
  return `fp_${seed.toString(16).padStart(10, '0')}`;
}

/** Cached tokens are part of the prompt's, reasoning tokens of the completion's. */
export function writeUsage(usage: Usage) {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: usage.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

export function toolCallId(id: string): string {
  return `call_${id}`;
}
