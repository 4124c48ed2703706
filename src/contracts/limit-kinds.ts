// Every kind of limit in one table. Configuration, keys, command line, scripts, forecasts, headers and metrics iterate it:
// a new kind is a row here.

/** What one attempt counts for. */
export interface Amounts {
  requests: number;
  /** Input and output tokens together. */
  tokens: number;
  inputTokens: number;
  outputTokens: number;
}

interface KindShape {
  /** Member of `Limits`. */
  name: string;
  /** Name of the setting in the configuration, on the command line and over HTTP. */
  setting: string;
  /** Name in reasons and metrics and, with dashes, in rate-limit headers. */
  label: string;
  /** Prefix of the slice numbers in a scope's window (permit.lua), unique per kind. */
  field: string;
  measure: keyof Amounts;
  /** Null: limits calls in flight, not calls started within a period. */
  periodMs: number | null;
  description: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

export const LIMIT_KINDS = [
  {
    name: 'requestsPerMinute',
    setting: 'rpm',
    label: 'requests',
    field: 'r',
    measure: 'requests',
    periodMs: MINUTE_MS,
    description: 'Requests per minute.',
  },
  {
    name: 'tokensPerMinute',
    setting: 'tpm',
    label: 'tokens',
    field: 't',
    measure: 'tokens',
    periodMs: MINUTE_MS,
    description: 'Tokens per minute, input and output together.',
  },
  {
    name: 'inputTokensPerMinute',
    setting: 'input_tokens_per_minute',
    label: 'input_tokens',
    field: 'i',
    measure: 'inputTokens',
    periodMs: MINUTE_MS,
    description: 'Input tokens per minute, without those that the provider reads from its cache.',
  },
  {
    name: 'outputTokensPerMinute',
    setting: 'output_tokens_per_minute',
    label: 'output_tokens',
    field: 'o',
    measure: 'outputTokens',
    periodMs: MINUTE_MS,
    description: 'Output tokens per minute.',
  },
  {
    name: 'requestsPerDay',
    setting: 'requests_per_day',
    label: 'requests_per_day',
    field: 'dr',
    measure: 'requests',
    periodMs: DAY_MS,
    description: 'Requests in any 24 hours.',
  },
  {
    name: 'tokensPerDay',
    setting: 'tokens_per_day',
    label: 'tokens_per_day',
    field: 'dt',
    measure: 'tokens',
    periodMs: DAY_MS,
    description: 'Tokens in any 24 hours, input and output together.',
  },
  {
    name: 'concurrency',
    setting: 'concurrency',
    label: 'concurrency',
    field: 'c',
    measure: 'requests',
    periodMs: null,
    description: 'Calls in flight at once.',
  },
] as const satisfies readonly KindShape[];

export type LimitKind = (typeof LIMIT_KINDS)[number];
export type LimitName = LimitKind['name'];
export type LimitLabel = LimitKind['label'];

/** A limit of what is started within a period. */
export type RateKind = Extract<LimitKind, { periodMs: number }>;
export type RateName = RateKind['name'];

export const RATE_KINDS: readonly RateKind[] = LIMIT_KINDS.filter((kind): kind is RateKind => kind.periodMs !== null);

/** All optional; absent kinds are not limited. */
export type Limits = { [Name in LimitName]?: number };

const knownKinds = new WeakMap<Limits, readonly LimitKind[]>();

/**
 * The kinds that are limited, in the order of the table. The object must not change afterwards: nearly all are of the
 * configuration, and each request asks for them a dozen times.
 */
export function kindsIn(limits: Limits): readonly LimitKind[] {
  let kinds = knownKinds.get(limits);
  if (kinds === undefined) {
    kinds = LIMIT_KINDS.filter(({ name }) => limits[name] !== undefined);
    knownKinds.set(limits, kinds);
  }
  return kinds;
}

export type LimitSettings = { [Setting in LimitKind['setting']]?: number | undefined };

export function limitsOf(settings: LimitSettings): Limits {
  const limits: Limits = {};
  for (const { name, setting } of LIMIT_KINDS) {
    const limit = settings[setting];
    if (limit !== undefined) limits[name] = limit;
  }
  return limits;
}

/** Absent kinds are left out. */
export function limitSettingsOf(limits: Limits): LimitSettings {
  const settings: LimitSettings = {};
  for (const { name, setting } of LIMIT_KINDS) {
    if (limits[name] !== undefined) settings[setting] = limits[name];
  }
  return settings;
}
