// `logprobsResult`: the chosen token of each step beside the most likely ones, in two lists of equal length.
import type { TokenLogProbability } from '../../contracts/answer.ts';
import type { JsonObject } from '../codec.ts';
import { asNumber, asObject, asObjects, asText } from './wire-values.ts';

export function readLogProbabilities(candidate: JsonObject): TokenLogProbability[] {
  const result = asObject(candidate.logprobsResult);
  const tops = asObjects(result?.topCandidates);
  return asObjects(result?.chosenCandidates).map((chosen, step) => ({
    ...readToken(chosen),
    alternatives: asObjects(tops[step]?.candidates).map(readToken),
  }));
}

function readToken(token: JsonObject): { token: string; logProbability: number } {
  return { token: asText(token.token) ?? '', logProbability: asNumber(token.logProbability) ?? 0 };
}

export function writeLogProbabilities(tokens: readonly TokenLogProbability[]): JsonObject {
  return {
    chosenCandidates: tokens.map(({ token, logProbability }) => ({ token, logProbability })),
    topCandidates: tokens.map(({ alternatives }) => ({
      candidates: alternatives.map(({ token, logProbability }) => ({ token, logProbability })),
    })),
  };
}
