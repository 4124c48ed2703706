// Log probabilities of tokens in OpenAI Chat's shape, both ways.
import type { TokenLogProbability } from '../../contracts/answer.ts';

interface WireToken {
  token?: unknown;
  logprob?: unknown;
  bytes?: unknown;
  top_logprobs?: unknown;
}

/** Of `choices[].logprobs`; empty where there are none. */
export function decodeLogProbabilities(logprobs: unknown): TokenLogProbability[] {
  const { content, refusal } = (logprobs ?? {}) as { content?: unknown; refusal?: unknown };
  return [...tokensIn(content), ...tokensIn(refusal)];
}

function tokensIn(list: unknown): TokenLogProbability[] {
  return wireTokens(list).map((wire) => ({
    ...decodeToken(wire),
    alternatives: wireTokens(wire.top_logprobs).map(decodeToken),
  }));
}

function wireTokens(list: unknown): WireToken[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
}

function decodeToken({ token, logprob, bytes }: WireToken) {
  return {
    token: typeof token === 'string' ? token : '',
    logProbability: typeof logprob === 'number' ? logprob : 0,
    bytes: Array.isArray(bytes) ? (bytes as number[]) : null,
  };
}

/** The `logprobs` of a choice: null where the provider gave none. */
export function encodeLogProbabilities(tokens: readonly TokenLogProbability[] | undefined) {
  if (tokens === undefined || tokens.length === 0) return null;
  return {
    content: tokens.map((token) => ({ ...encodeToken(token), top_logprobs: token.alternatives.map(encodeToken) })),
    refusal: null,
  };
}

function encodeToken({ token, logProbability, bytes }: Omit<TokenLogProbability, 'alternatives'>) {
  return { token, logprob: logProbability, bytes: bytes ?? null };
}
