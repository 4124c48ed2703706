// GET /v1/models and /v1/models/{id}, in Anthropic's shape.
import type { Refusal } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute } from '../dialect.ts';
import { listedModels, MODELS_CREATED_MS } from '../listed-models.ts';

const MODEL_PATH = /^\/v1\/models\/(.+)$/;

const list: LookupRoute = { kind: 'lookup', answer: listModels };
const find: LookupRoute = { kind: 'lookup', answer: findModel };

export function routeModels(path: string): LookupRoute | null {
  if (path === '/v1/models') return list;
  return MODEL_PATH.test(path) ? find : null;
}

function listModels({ models }: LookupContext): EncodedAnswer {
  const data = listedModels(models).map(describeModel);
  return json({ data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null });
}

function findModel({ head, models }: LookupContext): EncodedAnswer | Refusal {
  const model = decodeName(MODEL_PATH.exec(head.path)![1]!);
  return models === null || models.includes(model) ? json(describeModel(model)) : { kind: 'model_missing', model };
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function describeModel(id: string) {
  const createdAt = new Date(MODELS_CREATED_MS).toISOString().replace('.000Z', 'Z');
  return { type: 'model', id, display_name: id, created_at: createdAt };
}

function json(value: unknown): EncodedAnswer {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value) };
}
