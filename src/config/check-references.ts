// Faults of a configuration that its schema cannot detect: dangling references, missing addresses, duplicate names.
import { PRESETS, presetOf } from './presets.ts';
import type { Configuration, ModelSettings, ProviderSettings } from './schema.ts';
import { matchWildcard } from './wildcard.ts';

export interface ReferenceFault {
  path: string;
  message: string;
}

/** All faults, in the order of the file; none for a configuration that `createCatalogue` accepts. */
export function checkReferences(configuration: Configuration): ReferenceFault[] {
  const content = new Map<string, string>();
  const known = knownModels(configuration);
  return [
    ...Object.entries(configuration.providers).flatMap(([name, settings]) => checkProvider(name, settings)),
    ...Object.entries(configuration.models).flatMap(([name, model]) => [
      ...checkDeployments(configuration, name, model, content),
      ...checkOtherModels(known, name, model),
      ...checkHedge(name, model),
    ]),
  ];
}

export function deploymentId(settings: { id?: string | undefined; provider: string; model: string }): string {
  return settings.id ?? `${settings.provider}/${settings.model}`;
}

function checkProvider(name: string, settings: ProviderSettings): ReferenceFault[] {
  const faults: ReferenceFault[] = [];
  const fault = (field: string, message: string) => faults.push({ path: `providers.${name}.${field}`, message });
  const preset = presetOf(name, settings);
  if (settings.preset !== undefined && preset === undefined) {
    fault('preset', `no such preset; known presets: ${Object.keys(PRESETS).join(', ')}`);
  }
  if (settings.base_url === undefined && preset?.baseUrl === undefined) {
    const why =
      preset === undefined ? 'set it, or name a preset' : 'every account of this provider has its own base URL';
    fault('base_url', `missing: ${why}`);
  }
  if (settings.protocols === undefined && preset === undefined) {
    fault('protocols', 'missing: set it, or name a preset');
  }
  if (settings.api_key !== undefined && Object.keys(settings.credentials).length > 0) {
    fault('credentials', 'set api_key or credentials, not both');
  }
  return faults;
}

/** @param content the settings under each deployment's id, over all models: limits and prices belong to the id. */
function checkDeployments(
  { providers }: Configuration,
  name: string,
  model: ModelSettings,
  content: Map<string, string>,
): ReferenceFault[] {
  const faults: ReferenceFault[] = [];
  for (const [index, deployment] of model.deployments.entries()) {
    const path = `models.${name}.deployments.${index}`;
    if (!Object.hasOwn(providers, deployment.provider)) {
      faults.push({ path: `${path}.provider`, message: `no provider "${deployment.provider}" is configured` });
    }
    if (deployment.model.includes('*') && !name.includes('*')) {
      faults.push({ path: `${path}.model`, message: 'a wildcard is only allowed if the model’s name has one' });
    }
    const id = deploymentId(deployment);
    const own = JSON.stringify({ ...deployment, tier: 0, weight: 0 });
    if ((content.get(id) ?? own) !== own) {
      faults.push({ path, message: `two different deployments are called "${id}": set a different id on one of them` });
    }
    content.set(id, own);
  }
  return faults;
}

function checkHedge(name: string, { hedge, deployments, fallbacks }: ModelSettings): ReferenceFault[] {
  if (hedge === undefined || deployments.length + fallbacks.length > 1) return [];
  return [{ path: `models.${name}.hedge`, message: 'hedging needs a second deployment: the model has only one' }];
}

/** Members of a model that name other models. */
const MODEL_LISTS = ['fallbacks', 'on_content_filter', 'on_context_length'] as const;

function checkOtherModels(isKnown: (name: string) => boolean, name: string, model: ModelSettings): ReferenceFault[] {
  return MODEL_LISTS.flatMap((list) =>
    model[list].flatMap((other, index) =>
      isKnown(other) ? [] : [{ path: `models.${name}.${list}.${index}`, message: `no model "${other}" is configured` }],
    ),
  );
}

/** Thousands of models each name others: exact names are looked up, and only wildcards are tried one by one. */
function knownModels({ models }: Configuration): (name: string) => boolean {
  const wildcards = Object.keys(models).filter((name) => name.includes('*'));
  return (name) => Object.hasOwn(models, name) || wildcards.some((pattern) => matchWildcard(pattern, name) !== null);
}
