// GET /v1/models and /v1/models/{id}, in OpenAI's shape.
import type { Refusal } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';

/** Listed where every name is served. */
const SAMPLE_MODELS = ['sim-small', 'sim-large'];
/** All models are as old as the simulator's first day: 2026-01-01. */
const CREATED = 1_767_225_600;
const MODEL_PATH = /^\/v1\/models\/(.+)$/;

const listModels: LookupRoute = {
  kind: 'lookup',
  answer: ({ models }) => json({ object: 'list', data: (models ?? SAMPLE_MODELS).map(describeModel) }),
};

const readModel: LookupRoute = { kind: 'lookup', answer: findModel };

export function routeModels({ method, path }: RequestHead): LookupRoute | null {
  if (method !== 'GET') return null;
  if (path === '/v1/models') return listModels;
  return MODEL_PATH.test(path) ? readModel : null;
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
  return { id, object: 'model', created: CREATED, owned_by: 'simulator' };
}

function json(value: unknown): EncodedAnswer {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value) };
}
