// What limits hold for: a provider, a deployment, a key.

/** All optional; what is absent is not limited. */
export interface Limits {
  requestsPerMinute?: number;
  tokensPerMinute?: number;
  concurrency?: number;
}

/** One limited thing, by name: `provider:openai`, `deployment:openai/gpt-4o`, `key:key_…`. */
export interface Scope {
  name: string;
  limits: Limits;
}

/** Limits as people write them, in the configuration, on the command line and over HTTP. */
export interface LimitSettings {
  rpm?: number | undefined;
  tpm?: number | undefined;
  concurrency?: number | undefined;
}

export function limitsOf({ rpm, tpm, concurrency }: LimitSettings): Limits {
  return {
    ...(rpm === undefined ? {} : { requestsPerMinute: rpm }),
    ...(tpm === undefined ? {} : { tokensPerMinute: tpm }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
}

export function limitSettingsOf({ requestsPerMinute, tokensPerMinute, concurrency }: Limits): LimitSettings {
  return { rpm: requestsPerMinute, tpm: tokensPerMinute, concurrency };
}
