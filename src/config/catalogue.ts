// The configuration compiled for use: providers and deployments by id, models by name, prices looked up. The form that users
// write is in schema.ts.
import { LRUCache } from 'lru-cache';
import { limitsOf } from '../contracts/limit-kinds.ts';
import { halfPrice, type Price } from '../contracts/money.ts';
import type { DetourCode, HedgeTerms, StrategyName } from '../contracts/route-plan.ts';
import type { Scope } from '../contracts/scope.ts';
import { createProviderSecrets, type ProviderSecrets } from '../contracts/secret-mask.ts';
import type { ProviderDialect } from '../protocols/call/prepare-call.ts';
import { deploymentId } from './check-references.ts';
import { type Credential, createCredential } from './credentials.ts';
import { isStrictProvider, presetOf } from './presets.ts';
import {
  configuredPrices,
  type DatedPrices,
  loadPricePackage,
  type PriceSchedule,
  packagedPrice,
  priceFor,
  scheduleAt,
} from './prices.ts';
import type { Configuration, ModelSettings, ProtocolName, ProviderSettings } from './schema.ts';
import { providerSecrets } from './secrets.ts';
import { matchWildcard } from './wildcard.ts';

export interface Provider {
  name: string;
  protocols: readonly ProtocolName[];
  baseUrl: string;
  /** How its calls differ from its protocol. With several credentials, `apiKey` is that of the first. */
  dialect: ProviderDialect;
  /** Used in place of `dialect.apiKey`; empty if it has only that key. */
  credentials: readonly Credential[];
  headers: Readonly<Record<string, string>>;
  sendsTraceparent: boolean;
  /** `firstByteMs` is null if not configured: then the attempt decides (attempt-clock.ts). */
  timeouts: { connectMs: number; firstByteMs: number | null; idleMs: number | null; totalMs: number };
  retries: { max: number; baseMs: number; maxMs: number };
  circuit: { failures: number; windowMs: number; cooldownMs: number; maxCooldownMs: number; refusalCooldownMs: number };
  priceId: string;
  scope: Scope;
  /** Whether limits that it announces are obeyed where none are configured. */
  learnsLimits: boolean;
  slots: number;
  /** Removes the secrets that this provider was sent from its answers. */
  secrets: ProviderSecrets;
}

export interface Deployment {
  id: string;
  provider: Provider;
  /** The provider's model id; `*` stands for what the star of the public name matches. */
  upstreamModel: string;
  tier: number;
  weight: number;
  scope: Scope;
  /** A stream without visible output after this time moves to the next step; null: no limit. */
  firstTokenMs: number | null;
  price: DatedPrices | null;
  /** Whether its batch lines go through the provider's own batch API. */
  hasNativeBatches: boolean;
  batchPrice: DatedPrices | null;
}

/** A deployment, and the upstream model with which it serves one public model name. */
export interface Candidate {
  deployment: Deployment;
  upstreamModel: string;
}

export interface Model {
  name: string;
  candidates: readonly Candidate[];
  /** How its deployments are ordered. */
  strategy: StrategyName;
  fallbacks: readonly string[];
  /** By failure code: models to try after a failure that would otherwise end the request. */
  detours: Readonly<Record<DetourCode, readonly string[]>>;
  /** If a provider asks for a longer wait, the next step is tried instead. Milliseconds. */
  waitUpToMs: number;
  /** Output tokens assumed for a request that sets no limit. */
  outputTokens: number;
  /** Set if prompts with the same beginning share a cache; null: only the turns of one conversation do. */
  sharedPrefix: { waitMs: number } | null;
  /** Null: never. */
  hedge: { terms: HedgeTerms; isOnRequest: boolean } | null;
}

export interface Catalogue {
  providers: ReadonlyMap<string, Provider>;
  deployments: ReadonlyMap<string, Deployment>;
  /** Names without a wildcard, which can be listed. */
  modelNames: readonly string[];
  /** Models with a wildcard, longer names first. Their candidates' upstream models have the star, too. */
  wildcards: readonly Model[];
  /** Finds the model for a client's name: exact names before wildcards, longer wildcards before shorter. */
  findModel(name: string): Model | null;
  /**
   * Null if neither the configuration nor the package has a price: such calls are recorded at no cost.
   * @param at absent: now.
   */
  priceOf(deployment: Deployment, upstreamModel: string, inputTokens: number, at?: Date): Price | null;
  /** The same for a line in the provider's own batch API: half, unless configured otherwise. */
  batchPriceOf(deployment: Deployment, upstreamModel: string, inputTokens: number, at?: Date): Price | null;
}

/**
 * The configuration must have passed `checkReferences`.
 * @param learnSecret called with every secret that is read later (credentials.ts).
 */
export function createCatalogue(
  configuration: Configuration,
  learnSecret: (secret: string) => void = () => undefined,
): Catalogue {
  const providers = new Map(
    Object.entries(configuration.providers).map(([name, settings]) => [
      name,
      compileProvider(name, settings, configuration.workers.slots, learnSecret),
    ]),
  );
  const deployments = new Map<string, Deployment>();
  const models = new Map<string, Model>();
  for (const [name, settings] of Object.entries(configuration.models)) {
    models.set(name, compileModel(name, settings, providers, deployments));
  }
  const wildcards = [...models.values()].filter((model) => model.name.includes('*')).sort(longerFirst);
  // Clients choose the names, so the cache is bounded in bytes, and names that were not found are not cached.
  const resolved = new LRUCache<string, Model>(NAME_CACHE);
  const prices = new LRUCache<string, { schedule: PriceSchedule | null }>({ ...NAME_CACHE, ttl: PRICES_HOLD_MS });

  function findModel(name: string): Model | null {
    const exact = models.get(name);
    if (exact !== undefined && !name.includes('*')) return exact;
    const known = resolved.get(name);
    if (known !== undefined) return known;
    const model = resolveWildcard(name, wildcards);
    if (model !== null) resolved.set(name, model, { size: sizeOfName(name) });
    return model;
  }

  const catalogue: Catalogue = {
    providers,
    deployments,
    modelNames: [...models.keys()].filter((name) => !name.includes('*')),
    wildcards,
    findModel,
    priceOf(deployment, upstreamModel, inputTokens, at) {
      if (deployment.price !== null) return priceFor(scheduleAt(deployment.price, timeOf(at)), inputTokens);
      const key = `${deployment.provider.priceId} ${upstreamModel}${at === undefined ? '' : ` ${at.getTime()}`}`;
      let known = prices.get(key);
      if (known === undefined) {
        known = { schedule: packagedPrice(deployment.provider.priceId, upstreamModel, at) };
        prices.set(key, known, { size: sizeOfName(key) });
      }
      const { schedule } = known;
      return schedule === null ? null : priceFor(schedule, inputTokens);
    },
    batchPriceOf(deployment, upstreamModel, inputTokens, at) {
      if (deployment.batchPrice !== null) return priceFor(scheduleAt(deployment.batchPrice, timeOf(at)), inputTokens);
      const price = catalogue.priceOf(deployment, upstreamModel, inputTokens, at);
      return price === null ? null : halfPrice(price);
    },
  };
  // Now, and not during the first request.
  if ([...deployments.values()].some(({ price }) => price === null)) loadPricePackage();
  return catalogue;
}

function timeOf(at: Date | undefined): number {
  return at === undefined ? Date.now() : at.getTime();
}

const NAME_CACHE = { maxSize: 8 * 1024 * 1024 };
/** Size of a cache entry without its name: a model with its candidates. */
const ENTRY_BYTES = 500;

function sizeOfName(name: string): number {
  return ENTRY_BYTES + 2 * name.length;
}

/** Some prices start on a date, or apply only at certain hours (DeepSeek), so they are looked up again every minute. */
const PRICES_HOLD_MS = 60_000;

function longerFirst(a: Model, b: Model): number {
  return b.name.length - a.name.length;
}

function compileProvider(
  name: string,
  settings: ProviderSettings,
  slots: number,
  learnSecret: (secret: string) => void,
): Provider {
  const preset = presetOf(name, settings);
  const secrets = createProviderSecrets(providerSecrets(settings));
  const credentials = Object.entries(settings.credentials).map(([credential, source]) =>
    createCredential(name, credential, source, (secret) => {
      secrets.add(secret);
      learnSecret(secret);
    }),
  );
  const { timeouts, retries, circuit } = settings;
  const baseUrl = (settings.base_url ?? preset!.baseUrl!).replace(/\/+$/, '');
  return {
    name,
    protocols: settings.protocols ?? preset!.protocols,
    baseUrl,
    dialect: {
      name,
      get apiKey() {
        return credentials[0]?.secret() ?? settings.api_key ?? null;
      },
      credentialHeader: settings.credential_header ?? preset?.credentialHeader ?? null,
      paths: settings.paths,
      query: settings.query,
      canReportStreamUsage: settings.stream_usage ?? preset?.hasStreamUsage ?? true,
      prefill: settings.prefill ?? null,
      isStrict: settings.strict_messages ?? isStrictProvider(preset, baseUrl),
    },
    credentials,
    headers: settings.headers,
    sendsTraceparent: settings.send_traceparent,
    timeouts: {
      connectMs: timeouts.connect_ms,
      firstByteMs: timeouts.first_byte_ms ?? null,
      idleMs: timeouts.idle_ms ?? null,
      totalMs: timeouts.total_ms,
    },
    retries: { max: retries.max, baseMs: retries.base_ms, maxMs: retries.max_ms },
    circuit: {
      failures: circuit.failures,
      windowMs: circuit.window_ms,
      cooldownMs: circuit.cooldown_ms,
      maxCooldownMs: circuit.max_cooldown_ms,
      refusalCooldownMs: circuit.refusal_cooldown_ms,
    },
    priceId: settings.price_id ?? preset?.priceId ?? settings.preset ?? name,
    scope: { name: `provider:${name}`, limits: limitsOf(settings.limits) },
    learnsLimits: settings.learn_limits,
    slots: settings.slots ?? slots,
    secrets,
  };
}

function compileModel(
  name: string,
  settings: ModelSettings,
  providers: ReadonlyMap<string, Provider>,
  deployments: Map<string, Deployment>,
): Model {
  const candidates = settings.deployments.map((item) => {
    const id = deploymentId(item);
    const deployment: Deployment = {
      id,
      provider: providers.get(item.provider)!,
      upstreamModel: item.model,
      tier: item.tier,
      weight: item.weight,
      scope: {
        name: `deployment:${id}`,
        limits: limitsOf(item.limits),
        // Another model may have the same deployment.
        ...(settings.strategy === 'least_busy' || deployments.get(id)?.scope.countsCalls ? { countsCalls: true } : {}),
      },
      firstTokenMs: item.first_token_ms ?? null,
      price: item.price === undefined ? null : configuredPrices(item.price),
      hasNativeBatches: item.batch === 'native',
      batchPrice: item.price_batch === undefined ? null : configuredPrices(item.price_batch),
    };
    deployments.set(id, deployment);
    return { deployment, upstreamModel: item.model };
  });
  return {
    name,
    candidates,
    strategy: settings.strategy,
    fallbacks: settings.fallbacks,
    detours: {
      upstream_content_filter: settings.on_content_filter,
      upstream_context_length: settings.on_context_length,
    },
    waitUpToMs: settings.wait_up_to_ms,
    outputTokens: settings.output_tokens,
    sharedPrefix: settings.prompt_cache.by === 'prefix' ? { waitMs: settings.prompt_cache.wait_ms } : null,
    hedge: settings.hedge === undefined ? null : compileHedge(name, settings.hedge),
  };
}

function compileHedge(pool: string, settings: NonNullable<ModelSettings['hedge']>): Model['hedge'] {
  return {
    isOnRequest: settings.only_on_request,
    terms: {
      pool,
      ...(settings.after_ms === undefined ? {} : { afterMs: settings.after_ms }),
      atLeastMs: settings.at_least_ms,
      sharePercent: settings.max_share_percent,
      extraCostPercent: settings.max_extra_cost_percent,
    },
  };
}

/** `openai/*` matches `openai/gpt-4o`; the rest, `gpt-4o`, replaces the `*` of the deployments. */
function resolveWildcard(name: string, wildcards: readonly Model[]): Model | null {
  for (const wildcard of wildcards) {
    const rest = matchWildcard(wildcard.name, name);
    if (rest === null) continue;
    const candidates = wildcard.candidates.map(({ deployment }) => ({
      deployment,
      upstreamModel: deployment.upstreamModel.replace('*', () => rest),
    }));
    return { ...wildcard, name, candidates };
  }
  return null;
}
