// The configuration compiled for use: providers and deployments by id, models by name, prices looked up. What users
// write is schema.ts; what the broker asks is here.
import { halfPrice, type Price } from '../contracts/money.ts';
import { limitsOf, type Scope } from '../contracts/scope.ts';
import type { ProviderDialect } from '../protocols/prepare-call.ts';
import { PRESETS } from './presets.ts';
import { configuredPrice, type PriceSchedule, packagedPrice, priceFor } from './prices.ts';
import type { Configuration, ModelSettings, ProtocolName, ProviderSettings } from './schema.ts';

export interface Provider {
  name: string;
  protocols: readonly ProtocolName[];
  baseUrl: string;
  /** How its calls differ from what its protocol says. */
  dialect: ProviderDialect;
  headers: Readonly<Record<string, string>>;
  timeouts: { connectMs: number; firstByteMs: number; idleMs: number; totalMs: number };
  retries: { max: number; baseMs: number; maxMs: number };
  circuit: { failures: number; windowMs: number; cooldownMs: number; maxCooldownMs: number; refusalCooldownMs: number };
  priceId: string;
  scope: Scope;
  slots: number;
}

export interface Deployment {
  id: string;
  provider: Provider;
  /** The vendor's model id; `*` takes the rest of the public name. */
  upstreamModel: string;
  tier: number;
  weight: number;
  scope: Scope;
  price: PriceSchedule | null;
  /** Its lines of batches go through the vendor's own batch API. */
  hasNativeBatches: boolean;
  batchPrice: PriceSchedule | null;
}

/** A deployment as it serves one public model name. */
export interface Candidate {
  deployment: Deployment;
  upstreamModel: string;
}

export interface Model {
  name: string;
  candidates: readonly Candidate[];
  fallbacks: readonly string[];
  /** Output assumed where a request does not bound it. */
  outputTokens: number;
}

export interface Catalogue {
  providers: ReadonlyMap<string, Provider>;
  deployments: ReadonlyMap<string, Deployment>;
  /** Names that can be listed: those without a wildcard. */
  modelNames: readonly string[];
  /** The model that a client's name means; exact names before wildcards, longer wildcards before shorter. */
  findModel(name: string): Model | null;
  /** Null when neither configuration nor package knows a price: such calls cost nothing in the books. */
  priceOf(deployment: Deployment, upstreamModel: string, inputTokens: number): Price | null;
  /** The same for a line of the vendor's own batches: half of it, unless the configuration says otherwise. */
  batchPriceOf(deployment: Deployment, upstreamModel: string, inputTokens: number): Price | null;
}

export interface CatalogueFault {
  path: string;
  message: string;
}

/** Faults that a schema cannot see: references to nowhere, missing addresses, names used twice. */
export function checkReferences(configuration: Configuration): CatalogueFault[] {
  const faults: CatalogueFault[] = [];
  for (const [name, settings] of Object.entries(configuration.providers)) {
    const preset = PRESETS[settings.preset ?? name];
    if (settings.preset !== undefined && preset === undefined) {
      faults.push({
        path: `providers.${name}.preset`,
        message: `no such preset; there are ${Object.keys(PRESETS).join(', ')}`,
      });
    }
    if (settings.base_url === undefined && preset?.baseUrl === undefined) {
      const why =
        preset === undefined ? 'the provider has no preset' : 'every account of this vendor has its own address';
      faults.push({ path: `providers.${name}.base_url`, message: `missing: ${why}` });
    }
    if (settings.protocols === undefined && preset === undefined) {
      faults.push({ path: `providers.${name}.protocols`, message: 'missing: the provider has no preset' });
    }
  }
  const ids = new Map<string, string>();
  for (const [name, model] of Object.entries(configuration.models)) {
    for (const [index, deployment] of model.deployments.entries()) {
      const path = `models.${name}.deployments.${index}`;
      if (configuration.providers[deployment.provider] === undefined) {
        faults.push({ path: `${path}.provider`, message: `no provider "${deployment.provider}" is configured` });
      }
      if (deployment.model.includes('*') && !name.includes('*')) {
        faults.push({ path: `${path}.model`, message: 'a wildcard needs a wildcard in the model’s name' });
      }
      const id = deploymentId(deployment);
      const content = JSON.stringify({ ...deployment, tier: 0, weight: 0 });
      if ((ids.get(id) ?? content) !== content) {
        faults.push({ path, message: `two different deployments are called "${id}": give one an id` });
      }
      ids.set(id, content);
    }
    for (const [index, fallback] of model.fallbacks.entries()) {
      if (findSettings(configuration, fallback) === null) {
        faults.push({ path: `models.${name}.fallbacks.${index}`, message: `no model "${fallback}" is configured` });
      }
    }
  }
  return faults;
}

function deploymentId(settings: { id?: string | undefined; provider: string; model: string }): string {
  return settings.id ?? `${settings.provider}/${settings.model}`;
}

/** The configuration must have passed `checkReferences`. */
export function createCatalogue(configuration: Configuration): Catalogue {
  const providers = new Map(
    Object.entries(configuration.providers).map(([name, settings]) => [
      name,
      compileProvider(name, settings, configuration.workers.slots),
    ]),
  );
  const deployments = new Map<string, Deployment>();
  const models = new Map<string, Model>();
  for (const [name, settings] of Object.entries(configuration.models)) {
    models.set(name, compileModel(name, settings, providers, deployments));
  }
  const wildcards = [...models.values()].filter((model) => model.name.includes('*')).sort(longerFirst);
  const resolved = new Map<string, Model | null>();
  const prices = new Map<string, PriceSchedule | null>();

  function findModel(name: string): Model | null {
    const exact = models.get(name);
    if (exact !== undefined && !name.includes('*')) return exact;
    const known = resolved.get(name);
    if (known !== undefined) return known;
    const model = resolveWildcard(name, wildcards);
    // Names come from clients: what is remembered must be bounded.
    if (resolved.size >= REMEMBERED_NAMES) resolved.clear();
    resolved.set(name, model);
    return model;
  }

  const catalogue: Catalogue = {
    providers,
    deployments,
    modelNames: [...models.keys()].filter((name) => !name.includes('*')),
    findModel,
    priceOf(deployment, upstreamModel, inputTokens) {
      if (deployment.price !== null) return priceFor(deployment.price, inputTokens);
      const key = `${deployment.provider.priceId} ${upstreamModel}`;
      let schedule = prices.get(key);
      if (schedule === undefined) {
        schedule = packagedPrice(deployment.provider.priceId, upstreamModel);
        if (prices.size >= REMEMBERED_NAMES) prices.clear();
        prices.set(key, schedule);
      }
      return schedule === null ? null : priceFor(schedule, inputTokens);
    },
    batchPriceOf(deployment, upstreamModel, inputTokens) {
      if (deployment.batchPrice !== null) return priceFor(deployment.batchPrice, inputTokens);
      const price = catalogue.priceOf(deployment, upstreamModel, inputTokens);
      return price === null ? null : halfPrice(price);
    },
  };
  return catalogue;
}

const REMEMBERED_NAMES = 10_000;

function longerFirst(a: Model, b: Model): number {
  return b.name.length - a.name.length;
}

function compileProvider(name: string, settings: ProviderSettings, slots: number): Provider {
  const preset = PRESETS[settings.preset ?? name];
  const { timeouts, retries, circuit } = settings;
  return {
    name,
    protocols: settings.protocols ?? preset!.protocols,
    baseUrl: (settings.base_url ?? preset!.baseUrl!).replace(/\/+$/, ''),
    dialect: {
      name,
      apiKey: settings.api_key ?? null,
      credentialHeader: settings.credential_header ?? preset?.credentialHeader ?? null,
      paths: settings.paths,
      query: settings.query,
      canReportStreamUsage: settings.stream_usage ?? preset?.hasStreamUsage ?? true,
      prefill: settings.prefill ?? null,
    },
    headers: settings.headers,
    timeouts: {
      connectMs: timeouts.connect_ms,
      firstByteMs: timeouts.first_byte_ms,
      idleMs: timeouts.idle_ms,
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
    slots: settings.slots ?? slots,
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
      scope: { name: `deployment:${id}`, limits: limitsOf(item.limits) },
      price: item.price === undefined ? null : configuredPrice(item.price),
      hasNativeBatches: item.batch === 'native',
      batchPrice: item.price_batch === undefined ? null : configuredPrice(item.price_batch),
    };
    deployments.set(id, deployment);
    return { deployment, upstreamModel: item.model };
  });
  return { name, candidates, fallbacks: settings.fallbacks, outputTokens: settings.output_tokens };
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

function matchWildcard(pattern: string, name: string): string | null {
  const star = pattern.indexOf('*');
  const [prefix, suffix] = [pattern.slice(0, star), pattern.slice(star + 1)];
  const isMatch = name.length >= prefix.length + suffix.length && name.startsWith(prefix) && name.endsWith(suffix);
  return isMatch ? name.slice(prefix.length, name.length - suffix.length) : null;
}

function findSettings(configuration: Configuration, name: string): ModelSettings | null {
  const exact = configuration.models[name];
  if (exact !== undefined) return exact;
  const pattern = Object.keys(configuration.models).find(
    (key) => key.includes('*') && matchWildcard(key, name) !== null,
  );
  return pattern === undefined ? null : configuration.models[pattern]!;
}
