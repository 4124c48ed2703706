// Service tiers: `standard` is what OpenAI calls `default`.

const GEMINI_TIER: Readonly<Record<string, string>> = {
  default: 'standard',
  standard_only: 'standard',
  flex: 'flex',
  priority: 'priority',
};

/** Null for a tier that Gemini has not. */
export function encodeServiceTier(tier: string): string | null {
  return GEMINI_TIER[tier] ?? null;
}

/** Undefined where nothing is said. Lower case on the Developer API, capitals in older SDKs. */
export function decodeServiceTier(tier: string | undefined): string | undefined {
  const name = tier?.toLowerCase().replace(/^service_tier_/, '');
  if (name === undefined || name === '' || name === 'unspecified') return undefined;
  return name === 'standard' ? 'default' : name;
}
