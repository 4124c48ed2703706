// GET /v1/models: what this key may use, with prices.
import type { FastifyInstance } from 'fastify';
import { type ApiKey, mayUseModel } from '../../accounts/api-key.ts';
import type { Catalogue, Model } from '../../config/catalogue.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { formatUsd, type PicoUsd } from '../../contracts/money.ts';
import { openaiChatClient } from '../../protocols/openai-chat/protocol.ts';
import { authenticate, bearerToken } from '../authenticate.ts';
import type { ApiContext } from '../context.ts';

const TOKENS_PER_PRICE = 1_000_000n;

export function registerModels(app: FastifyInstance, context: ApiContext): void {
  for (const prefix of ['/v1', '/v1/openai']) {
    app.get(
      `${prefix}/models`,
      { config: { client: openaiChatClient }, schema: { summary: 'Models this key may use', tags: ['models'] } },
      async (request) => {
        const key = await authenticate(bearerToken(request.headers), context.keys);
        const names = context.catalogue.modelNames.filter((name) => mayUseModel(key.settings, name));
        return {
          object: 'list',
          data: names.map((name) => describe(context.catalogue, context.catalogue.findModel(name)!)),
        };
      },
    );
    // A model's name may hold slashes: the rest of the path is the name.
    app.get<{ Params: { '*': string } }>(
      `${prefix}/models/*`,
      { config: { client: openaiChatClient }, schema: { summary: 'One model', tags: ['models'] } },
      async (request) => {
        const key = await authenticate(bearerToken(request.headers), context.keys);
        return describe(context.catalogue, findUsable(context.catalogue, key, request.params['*']));
      },
    );
  }
}

function findUsable(catalogue: Catalogue, key: ApiKey, name: string): Model {
  const model = mayUseModel(key.settings, name) ? catalogue.findModel(name) : null;
  if (model !== null) return model;
  const message = `The model '${name}' does not exist or you do not have access to it.`;
  throw new FailureError(createFailure('model_not_found', message, { param: 'model' }));
}

/** `created` is required by OpenAI's schema; nothing knows when a configured name came to be. */
function describe(catalogue: Catalogue, model: Model) {
  const first = model.candidates[0]!;
  const price = catalogue.priceOf(first.deployment, first.upstreamModel, 0);
  return {
    id: model.name,
    object: 'model',
    created: 0,
    owned_by: first.deployment.provider.name,
    providers: [...new Set(model.candidates.map((candidate) => candidate.deployment.provider.name))],
    pricing:
      price === null
        ? null
        : {
            unit: 'USD per million tokens',
            input: perMillion(price.input),
            cached_input: perMillion(price.cachedInput),
            output: perMillion(price.output),
          },
  };
}

function perMillion(perToken: PicoUsd): number {
  return Number(formatUsd(perToken * TOKENS_PER_PRICE));
}
