// GET /v1/models and /v1/models/{id}, in OpenAI's shape.
import type { Refusal } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { decodeName, listedModels, MODELS_CREATED_MS } from '../listed-models.ts';

const OTHERS = ['anthropic-version', 'x-goog-api-key'];
const MODEL_PATH = /^\/v1\/models\/(.+)$/;

const listModels: LookupRoute = {
  kind: 'lookup',
  answer: ({ models }) => json({ object: 'list', data: listedModels(models).map(describeModel) }),
};

const readModel: LookupRoute = { kind: 'lookup', answer: findModel };

/** Other providers have this path too: their clients are recognised by their headers and get their provider's form. */
export function routeModels({ method, path, headers }: RequestHead): LookupRoute | null {
  if (method !== 'GET' || OTHERS.some((name) => headers[name] !== undefined)) return null;
  if (path === '/v1/models') return listModels;
  return MODEL_PATH.test(path) ? readModel : null;
}

function findModel({ head, models }: LookupContext): EncodedAnswer | Refusal {
  const model = decodeName(MODEL_PATH.exec(head.path)![1]!);
  return models === null || models.includes(model) ? json(describeModel(model)) : { kind: 'model_missing', model };
}

function describeModel(id: string) {
  return { id, object: 'model', created: MODELS_CREATED_MS / 1_000, owned_by: 'simulator' };
}

function json(value: unknown): EncodedAnswer {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value) };
}
