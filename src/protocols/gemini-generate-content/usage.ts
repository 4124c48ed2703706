// Token counts in Gemini's shape, read and written, with the cost.
import type { Medium, Usage } from '#src/contracts/usage.ts';
import type { JsonObject, ShownCost } from '#src/protocols/codec.ts';
import { ProviderCounts, readTier, shownMembers } from '#src/protocols/providers/counts.ts';
import { editObject, isObjectBytes, memberBytes } from '#src/protocols/wire/json-object.ts';
import { asNumber, asObject, asObjects, asText } from './wire-values.ts';

const COUNTS = [
  'promptTokenCount',
  'toolUsePromptTokenCount',
  'cachedContentTokenCount',
  'candidatesTokenCount',
  'thoughtsTokenCount',
] as const;

/**
 * Null unless it has counts (Vertex sends only `{trafficType}` for a blocked prompt). Results of server tools are input in
 * addition to the prompt, thoughts are output in addition to the candidates, cached tokens are part of the prompt (types of npm
 * @google/genai 3.1.0); an absent count is zero.
 * @param searches queries that the answer was grounded on: Google bills them separately.
 */
export function readGeminiUsage(metadata: unknown, searches = 0): Usage | null {
  const said = asObject(metadata);
  if (said === null || COUNTS.every((name) => (said[name] ?? null) === null)) return null;
  const counts = new ProviderCounts(said);
  const [prompt, toolUse, cached, candidates, thoughts] = COUNTS.map((name) => said[name]);
  const inputTokens = counts.total(prompt) + counts.total(toolUse);
  const cachedInputTokens = counts.part(cached, inputTokens);
  const reasoningTokens = counts.total(thoughts);
  const outputTokens = counts.total(candidates) + reasoningTokens;
  const read = {
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens: 0,
    outputTokens,
    reasoningTokens,
    isEstimated: false,
  };
  const inputDetails = [...asObjects(said.promptTokensDetails), ...asObjects(said.toolUsePromptTokensDetails)];
  return counts.finish(read, {
    inputMedia: counts.media(mediaIn(inputDetails), inputTokens),
    cachedMedia: counts.media(mediaIn(asObjects(said.cacheTokensDetails)), cachedInputTokens),
    outputMedia: counts.media(mediaIn(asObjects(said.candidatesTokensDetails)), outputTokens),
    toolCalls: searches > 0 ? { web_search: searches } : undefined,
    serviceTier: readTier(decodeServiceTier(asText(said.serviceTier))),
  });
}

const MEDIA: Readonly<Record<string, Medium>> = { AUDIO: 'audio', IMAGE: 'image', VIDEO: 'video' };

function mediaIn(details: readonly JsonObject[]): Partial<Record<Medium, unknown>> {
  const tokens: Partial<Record<Medium, unknown>> = {};
  for (const { modality, tokenCount } of details) {
    const medium = MEDIA[String(modality)];
    const before = medium === undefined ? 0 : tokens[medium];
    if (medium !== undefined)
      tokens[medium] = typeof before === 'number' ? before + Number(tokenCount ?? 0) : tokenCount;
  }
  return tokens;
}

/** Whether the counts include output. Early chunks count only the prompt, even if they contain text. */
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
    set: shownMembers(shown),
  });
  return editObject(answer, {
    set: new Map<string, string | Buffer>([
      ['usageMetadata', withCost],
      ['cost', shown.charge],
    ]),
  });
}

// Service tiers: `standard` is what OpenAI calls `default`.

const GEMINI_TIER: Readonly<Record<string, string>> = {
  default: 'standard',
  standard_only: 'standard',
  flex: 'flex',
  priority: 'priority',
};

/** Null for a tier that Gemini does not have. */
export function encodeServiceTier(tier: string): string | null {
  return GEMINI_TIER[tier] ?? null;
}

/** Undefined if none is given. Lower case on the Developer API, capitals in older SDKs. */
export function decodeServiceTier(tier: string | undefined): string | undefined {
  const name = tier?.toLowerCase().replace(/^service_tier_/, '');
  if (name === undefined || name === '' || name === 'unspecified') return undefined;
  return name === 'standard' ? 'default' : name;
}
