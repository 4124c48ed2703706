// GET models: the models this key may use, with prices, in the shape of the caller's SDK.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type ApiKey, mayUseModel } from '../../accounts/api-key.ts';
import type { Catalogue, Model } from '../../config/catalogue.ts';
import { packagedFacts } from '../../config/model-facts.ts';
import { createFailure, FailureError, isFailure } from '../../contracts/failure.ts';
import { formatUsd, type PicoUsd, type Price } from '../../contracts/money.ts';
import { anthropicModels } from '../../protocols/anthropic-messages/model-list.ts';
import { geminiModels } from '../../protocols/gemini-generate-content/model-list.ts';
import { openaiModels } from '../../protocols/openai/model-list.ts';
import type { ListedModel, ListedPrice, ModelShape } from '../../protocols/protocol.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import type { ApiContext } from '../context.ts';
import { readTarget } from '../request-target.ts';

const TOKENS_PER_PRICE = 1_000_000n;

interface ModelAddress {
  path: string;
  /** Null if the request determines it. */
  shape: ModelShape | null;
  /** Paths with model names without the prefix `models/`. */
  bare?: string;
}

export const MODEL_ADDRESSES: readonly ModelAddress[] = [
  { path: '/v1/models', shape: null },
  { path: '/v1/openai/models', shape: openaiModels },
  { path: '/openai/v1/models', shape: openaiModels },
  { path: '/v1beta/models', bare: '/v1beta', shape: geminiModels },
  { path: '/v1alpha/models', bare: '/v1alpha', shape: geminiModels },
];

/** Three APIs share this path: headers that only one of them uses tell the clients apart. */
function shapeByHeaders(request: FastifyRequest): ModelShape {
  const { headers } = request;
  if (headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined) return anthropicModels;
  const isGoogle = headers['x-goog-api-key'] !== undefined || readTarget(request).query.key !== undefined;
  return isGoogle ? geminiModels : openaiModels;
}

export function registerModels(app: FastifyInstance, context: ApiContext): void {
  const { catalogue } = context;
  const authenticated = (request: FastifyRequest, shape: ModelShape) =>
    authenticate(readSecret(request, shape.client), context.keys);

  for (const { path, bare, shape: fixed } of MODEL_ADDRESSES) {
    const shapeOf = (request: FastifyRequest) => fixed ?? shapeByHeaders(request);
    const options = { config: { selectClient: (request: FastifyRequest) => shapeOf(request).client } };
    app.get(path, options, async (request) => {
      const shape = shapeOf(request);
      const key = await authenticated(request, shape);
      const models = await Promise.all((await usableModels(context, key)).map((model) => listed(context, model)));
      const answer = shape.list(models, readTarget(request).query);
      if (isFailure(answer)) throw new FailureError(answer);
      return answer;
    });
    // Model names may contain slashes: the rest of the path is the name.
    const describe = async (request: FastifyRequest<{ Params: { '*': string } }>) => {
      const shape = shapeOf(request);
      const key = await authenticated(request, shape);
      return shape.describe(await listed(context, findUsable(catalogue, key, request.params['*'])));
    };
    app.get<{ Params: { '*': string } }>(`${path}/*`, options, describe);
    if (bare === undefined) continue;
    // The route matches any other path: for those it must not count as a GET that exists.
    app.get(`${bare}/*`, { config: { ...options.config, isOffered: false } }, describe);
  }
}

function findUsable(catalogue: Catalogue, key: ApiKey, name: string): Model {
  const model = mayUseModel(key, name) ? catalogue.findModel(name) : null;
  if (model !== null) return model;
  const message = `The model '${name}' does not exist or you do not have access to it.`;
  throw new FailureError(createFailure('model_not_found', message, { param: 'model' }));
}

/** Configured names in order, then the models that wildcards cover. */
async function usableModels({ catalogue, knownModels }: ApiContext, key: ApiKey): Promise<Model[]> {
  const names = new Set([...catalogue.modelNames, ...(await knownModels.wildcardNames())]);
  const usable = [...names].filter((name) => mayUseModel(key, name));
  return usable.map((name) => catalogue.findModel(name)).filter((model) => model !== null);
}

async function listed({ catalogue, knownModels }: ApiContext, { name, candidates }: Model): Promise<ListedModel> {
  const { deployment, upstreamModel } = candidates[0]!;
  const price = catalogue.priceOf(deployment, upstreamModel, 0);
  const { id: _, ...said } = (await knownModels.find(deployment.provider.name, upstreamModel)) ?? { id: upstreamModel };
  return {
    name,
    providers: [...new Set(candidates.map((candidate) => candidate.deployment.provider.name))],
    facts: {
      ...packagedFacts(deployment.provider.priceId, upstreamModel),
      ...said,
      displayName: said.displayName ?? name,
    },
    pricing: price === null ? null : pricingOf(price),
  };
}

function pricingOf({ input, cachedInput, output }: Price): ListedPrice {
  return {
    unit: 'USD per million tokens',
    input: perMillion(input),
    cached_input: perMillion(cachedInput),
    output: perMillion(output),
    prompt: formatUsd(input),
    completion: formatUsd(output),
    input_cache_read: formatUsd(cachedInput),
  };
}

function perMillion(perToken: PicoUsd): number {
  return Number(formatUsd(perToken * TOKENS_PER_PRICE));
}
