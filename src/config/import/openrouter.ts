// Converts OpenRouter settings to a configuration of ours: `model`, `models` and `provider` of a request or preset, or the list
// of models from GET /api/v1/models with its prices (openrouter.ai/docs, read 2026-11-28).
import type { ConfigurationInput } from '../schema.ts';
import { compact, type Fields, fieldsOf, type Imported, listOf, perMillion, textOf } from './imported.ts';

const PROVIDER = { openrouter: { api_key: `\${OPENROUTER_API_KEY}` } };

export function importOpenRouter(file: unknown): Imported {
  const fields = fieldsOf(file);
  const listed = listOf(fields.data ?? (Array.isArray(file) ? file : undefined)).map(fieldsOf);
  if (listed.length > 0)
    return { configuration: withModels(Object.fromEntries(listed.flatMap(listedModel))), notes: [] };
  return fromRequest(fieldsOf(fields.config ?? fields));
}

function withModels(models: Record<string, object>): ConfigurationInput {
  return { providers: PROVIDER, models } as ConfigurationInput;
}

function listedModel({ id, pricing }: Fields): [string, object][] {
  const name = textOf(id);
  if (name === undefined) return [];
  return [[name, { deployments: [{ provider: 'openrouter', model: name, ...priceOf(fieldsOf(pricing)) }] }]];
}

function priceOf(pricing: Fields): object {
  const [input, output] = [perMillion(pricing.prompt), perMillion(pricing.completion)];
  if (input === undefined || output === undefined) return {};
  const request = perMillion(pricing.request);
  return {
    price: compact({
      input,
      output,
      cached_input: perMillion(pricing.input_cache_read),
      cache_write: perMillion(pricing.input_cache_write),
      // OpenRouter's price is per request, ours per thousand.
      request: request === undefined || request === 0 ? undefined : Number((request / 1_000).toPrecision(12)),
    }),
  };
}

function fromRequest(fields: Fields): Imported {
  const names = [textOf(fields.model), ...listOf(fields.models).map(textOf)].filter((name) => name !== undefined);
  const [first, ...others] = [...new Set(names)];
  if (first === undefined) return { configuration: withModels(anyModel()), notes: [] };
  const models = Object.fromEntries(
    [first, ...others].map((name) => [name, { deployments: [{ provider: 'openrouter', model: name }] } as object]),
  );
  if (others.length > 0) models[first] = { ...models[first], fallbacks: others };
  const notes = Object.keys(fieldsOf(fields.provider)).map(
    (name) => `provider.${name}: not imported: it selects among OpenRouter's providers; it can be set in each request`,
  );
  const carried = new Set(['model', 'models', 'provider', 'messages', 'stream', 'route']);
  const rest = Object.keys(fields).filter((name) => !carried.has(name));
  return { configuration: withModels(models), notes: [...notes, ...rest.map((name) => `${name}: not imported`)] };
}

function anyModel(): Record<string, object> {
  return { '*': { deployments: [{ provider: 'openrouter', model: '*' }] } };
}
