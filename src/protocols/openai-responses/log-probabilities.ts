// Log probabilities of tokens, read and written.
import type { TokenLogProbability } from '../../contracts/answer.ts';
import type { JsonObject } from '../codec.ts';
import { isObject, objectsOf } from '../wire/loose-json.ts';

type Alternative = TokenLogProbability['alternatives'][number];

/** `bytes` is required. */
export function writeLogProbability(token: TokenLogProbability): JsonObject {
  return { ...writeAlternative(token), top_logprobs: token.alternatives.map(writeAlternative) };
}

function writeAlternative({ token, logProbability, bytes }: Alternative): JsonObject {
  return { token, logprob: logProbability, bytes: bytes ?? [...Buffer.from(token)] };
}

export function readLogProbabilities(value: unknown): TokenLogProbability[] {
  return objectsOf(value).flatMap((entry) => {
    const chosen = readAlternative(entry);
    return chosen === null ? [] : [{ ...chosen, alternatives: readAlternatives(entry.top_logprobs) }];
  });
}

function readAlternatives(value: unknown): Alternative[] {
  return objectsOf(value).flatMap((entry) => readAlternative(entry) ?? []);
}

function readAlternative(entry: JsonObject): Alternative | null {
  if (!isObject(entry) || typeof entry.token !== 'string' || typeof entry.logprob !== 'number') return null;
  const bytes = Array.isArray(entry.bytes) ? { bytes: entry.bytes as number[] } : {};
  return { token: entry.token, logProbability: entry.logprob, ...bytes };
}
