// The configuration compiled for use: providers and deployments by id, models by name, prices looked up. What users
// write is schema.ts; what the broker asks is here.
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
  /** How its calls differ from what its protocol says. Where it has several credentials, `apiKey` is that of the first. */
  dialect: ProviderDialect;
  /** In place of `dialect.apiKey`; empty where it has only that. */
  credentials: readonly Credential[];
  headers: Readonly<Record<string, string>>;
  sendsTraceparent: boolean;
  /** Null where the configuration does not say: then the attempt decides (attempt-clock.ts). */
  timeouts: { connectMs: number; firstByteMs: number | null; idleMs: number | null; totalMs: number };
  retries: { max: number; baseMs: number; maxMs: number };
  circuit: { failures: number; windowMs: number; cooldownMs: number; maxCooldownMs: number; refusalCooldownMs: number };
  priceId: string;
  scope: Scope;
  /** What it announces is kept to where nothing is configured. */
  learnsLimits: boolean;
  slots: number;
  /** Takes what this provider was sent in secret out of what it answers. */
  secrets: ProviderSecrets;
}

export interface Deployment {
  id: string;
  provider: Provider;
  /** The provider's model id; `*` takes the rest of the public name. */
  upstreamModel: string;
  tier: number;
  weight: number;
  scope: Scope;
  /** A stream that shows nothing within this moves to the next step; null: no such limit. */
  firstTokenMs: number | null;
  price: DatedPrices | null;
  /** Its lines of batches go through the provider's own batch API. */
  hasNativeBatches: boolean;
  batchPrice: DatedPrices | null;
}

/** A deployment as it serves one public model name. */
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
  /** Models that are asked after a failure which otherwise ends the request, by its code. */
  detours: Readonly<Record<DetourCode, readonly string[]>>;
  /** A provider's wait that is longer is left for the next step. Milliseconds. */
  waitUpToMs: number;
  /** Output assumed where a request does not bound it. */
  outputTokens: number;
  /** Prompts that begin alike share a cache; null: only the turns of a conversation do. */
  sharedPrefix: { waitMs: number } | null;
  /** Null: never. */
  hedge: { terms: HedgeTerms; isOnRequest: boolean } | null;
}

export interface Catalogue {
  providers: ReadonlyMap<string, Provider>;
  deployments: ReadonlyMap<string, Deployment>;
  /** Names that can be listed: those without a wildcard. */
  modelNames: readonly string[];
  /** Those with one, longer ones first; their candidates' models have the star, too. */
  wildcards: readonly Model[];
  /** The model that a client's name means; exact names before wildcards, longer wildcards before shorter. */
  findModel(name: string): Model | null;
  /**
   * Null when neither configuration nor package knows a price: such calls cost nothing in the books.
   * @param at absent: now.
   */
  priceOf(deployment: Deployment, upstreamModel: string, inputTokens: number, at?: Date): Price | null;
  /** The same for a line of the provider's own batches: half of it, unless the configuration says otherwise. */
  batchPriceOf(deployment: Deployment, upstreamModel: string, inputTokens: number, at?: Date): Price | null;
}

/**
 * The configuration must have passed `checkReferences`.
 * @param learnSecret told of every secret that comes later (credentials.ts).
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
  // Names come from clients: what is remembered has a bound in bytes, and what was not found is not remembered.
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
  return catalogue;
}

function timeOf(at: Date | undefined): number {
  return at === undefined ? Date.now() : at.getTime();
}

const NAME_CACHE = { max: 10_000, maxSize: 8 * 1024 * 1024 };
/** Of a name's entry beside the name: a model with its candidates. */
const ENTRY_BYTES = 500;

function sizeOfName(name: string): number {
  return ENTRY_BYTES + 2 * name.length;
}

/** Some prices begin on a day or hold for hours of it (DeepSeek): they are looked up again every minute. */
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

/** `openai/*` matches `openai/gpt-4o` and gives its rest, `gpt-4o`, to the deployments' own `*`. */
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
