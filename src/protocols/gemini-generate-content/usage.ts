// Token counts in Gemini's shape, read and written, and the cost beside them.
import type { Usage } from '../../contracts/usage.ts';
import type { JsonObject, ShownCost } from '../codec.ts';
import { editObject, isObjectBytes, memberBytes } from '../json-object.ts';
import { asNumber, asObject } from './wire-values.ts';

const COUNTS = [
  'promptTokenCount',
  'toolUsePromptTokenCount',
  'cachedContentTokenCount',
  'candidatesTokenCount',
  'thoughtsTokenCount',
] as const;

/**
 * Null unless it holds counts (Vertex sends `{trafficType}` alone for a blocked prompt). Results of server tools are input
 * beside the prompt, thoughts are output beside the candidates, the cached part is inside the prompt (types of npm
 * @google/genai 3.1.0); an absent count is zero.
 */
export function readGeminiUsage(metadata: unknown): Usage | null {
  const counts = asObject(metadata);
  if (counts === null || COUNTS.every((name) => asNumber(counts[name]) === undefined)) return null;
  const [prompt, toolUse, cached, candidates, thoughts] = COUNTS.map((name) => count(counts[name])) as Counts;
  const inputTokens = prompt + toolUse;
  return {
    inputTokens,
    cachedInputTokens: Math.min(inputTokens, cached),
    cacheWriteTokens: 0,
    outputTokens: candidates + thoughts,
    reasoningTokens: thoughts,
    isEstimated: false,
  };
}

type Counts = [number, number, number, number, number];

function count(value: unknown): number {
  return Math.max(0, Math.floor(asNumber(value) ?? 0));
}

/** Early chunks count the prompt alone, whatever text they carry: their counts do not say what was generated so far. */
export function saysOutput(metadata: unknown): boolean {
  const counts = asObject(metadata);
  return asNumber(counts?.candidatesTokenCount) !== undefined || asNumber(counts?.thoughtsTokenCount) !== undefined;
}

export function writeGeminiUsage(usage: Usage): JsonObject {
  const thoughts = Math.min(usage.reasoningTokens, usage.outputTokens);
  return {
    promptTokenCount: usage.inputTokens,
    ...(usage.cachedInputTokens > 0 ? { cachedContentTokenCount: usage.cachedInputTokens } : {}),
    candidatesTokenCount: usage.outputTokens - thoughts,
    ...(thoughts > 0 ? { thoughtsTokenCount: thoughts } : {}),
    totalTokenCount: usage.inputTokens + usage.outputTokens,
  };
}

/** Adds `usageMetadata.cost` and the top-level `cost` to an answer or a chunk. */
export function insertCost(answer: Buffer, shown: ShownCost): Buffer {
  const metadata = memberBytes(answer, 'usageMetadata');
  const withCost = editObject(isObjectBytes(metadata) ? metadata : Buffer.from('{}'), {
    set: new Map([['cost', shown.cost]]),
  });
  return editObject(answer, {
    set: new Map<string, string | Buffer>([
      ['usageMetadata', withCost],
      ['cost', shown.charge],
    ]),
  });
}
