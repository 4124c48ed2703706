// Reads a list of prices to try out: a whole configuration, or only prices, by deployment or by the provider's model.
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Catalogue, createCatalogue } from './catalogue.ts';
import { deploymentId } from './check-references.ts';
import { loadConfiguration } from './load.ts';
import { type PriceSettings, price } from './price-schema.ts';
import type { Configuration } from './schema.ts';

export interface TriedPrices {
  catalogue: Catalogue;
  /** Days on which its prices change, ascending. */
  dates: string[];
  /** Names in the list that match no deployment. */
  unused: string[];
}

const priceList = z.record(z.string().min(1), price);

/** @param path absent: the configuration in force. Throws a ConfigurationError, or an error that names the fault. */
export function loadPrices(
  path: string | undefined,
  current: Configuration,
  variables: Readonly<Record<string, string | undefined>>,
): TriedPrices {
  if (path === undefined) return tried(current, []);
  if (!existsSync(path)) throw new Error(`${path}: no such file`);
  const parsed: unknown = parse(readFileSync(path, 'utf8'));
  if (isConfiguration(parsed)) return tried(loadConfiguration(path, variables).configuration, []);
  const list = priceList.safeParse(parsed);
  if (!list.success) throw new Error(`${path}: ${z.prettifyError(list.error)}`);
  return withPrices(current, list.data);
}

function isConfiguration(parsed: unknown): boolean {
  const names = Object.keys((parsed ?? {}) as object);
  return ['providers', 'models', 'model_list', 'litellm_settings'].some((name) => names.includes(name));
}

/** A deployment's own entry takes precedence over its model's. */
function withPrices(current: Configuration, list: Readonly<Record<string, PriceSettings>>): TriedPrices {
  const used = new Set<string>();
  const configuration = structuredClone(current);
  for (const model of Object.values(configuration.models)) {
    for (const deployment of model.deployments) {
      const name = [deploymentId(deployment), deployment.model].find((one) => Object.hasOwn(list, one));
      if (name === undefined) continue;
      used.add(name);
      deployment.price = list[name];
    }
  }
  return tried(
    configuration,
    Object.keys(list).filter((name) => !used.has(name)),
  );
}

function tried(configuration: Configuration, unused: string[]): TriedPrices {
  const dates = Object.values(configuration.models).flatMap(({ deployments }) =>
    deployments.flatMap(({ price: one, price_batch: batch }) =>
      [one, batch].flatMap((settings) => settings?.changes?.map(({ from }) => from) ?? []),
    ),
  );
  return { catalogue: createCatalogue(configuration), dates: [...new Set(dates)].sort(), unused };
}
