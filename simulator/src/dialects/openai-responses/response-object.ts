// The Response object, in any state.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { FinishReason } from '../../engine/answers/answer.ts';
import type { Identity } from '../dialect.ts';
import { SERVER_ERROR_MESSAGE } from '../openai/server-error.ts';
import { type Echo, servedTier } from './echo-request.ts';

export interface ResponseState {
  status: 'in_progress' | 'completed' | 'incomplete' | 'failed';
  error: { code: string; message: string } | null;
  incomplete_details: { reason: string } | null;
  output: readonly unknown[];
  /** Null until the answer has ended, or by a fault. */
  usage: object | null;
}

export function writeResponse(echo: Echo, { unique, nowMs }: Identity, state: ResponseState) {
  const createdAt = Math.floor(nowMs / 1_000);
  const isOver = state.status !== 'in_progress';
  return {
    id: `resp_${unique}`,
    object: 'response',
    created_at: createdAt,
    completed_at: state.status === 'completed' ? createdAt : null,
    ...echo,
    ...(isOver ? { service_tier: servedTier(echo) } : {}),
    ...state,
  };
}

export const IN_PROGRESS: ResponseState = {
  status: 'in_progress',
  error: null,
  incomplete_details: null,
  output: [],
  usage: null,
};

export const FAILED: ResponseState = {
  ...IN_PROGRESS,
  status: 'failed',
  error: { code: 'server_error', message: SERVER_ERROR_MESSAGE },
};

const INCOMPLETE_REASONS: Partial<Record<FinishReason, string>> = {
  length: 'max_output_tokens',
  content_filter: 'content_filter',
};

export function finishedState(finish: FinishReason, output: readonly unknown[], usage: object | null): ResponseState {
  const reason = INCOMPLETE_REASONS[finish];
  const ended = { error: null, output, usage };
  return reason === undefined
    ? { status: 'completed', incomplete_details: null, ...ended }
    : { status: 'incomplete', incomplete_details: { reason }, ...ended };
}

/** Cached and newly cached tokens are part of the input's, reasoning tokens of the output's. */
export function writeUsage(usage: Usage) {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: { cached_tokens: usage.cachedInputTokens, cache_write_tokens: usage.cacheWriteTokens },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}
