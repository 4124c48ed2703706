// GET /v1beta/models and /v1beta/models/{model}, or the same of another version.
import type { Refusal } from '../../engine/refusal.ts';
import type { EncodedAnswer, LookupContext, LookupRoute } from '../dialect.ts';
import { listedModels } from '../listed-models.ts';
import { decodeName } from './target.ts';

const LIST_PATH = /^\/v1[a-z]*\/models$/;
const MODEL_PATH = /^\/v1[a-z]*\/models\/([^:]+)$/;
const INPUT_TOKEN_LIMIT = 1_048_576;
const OUTPUT_TOKEN_LIMIT = 65_536;

const list: LookupRoute = {
  kind: 'lookup',
  answer: ({ models }) => json({ models: listedModels(models).map(describeModel) }),
};
const find: LookupRoute = { kind: 'lookup', answer: findModel };

export function routeModels(path: string): LookupRoute | null {
  if (LIST_PATH.test(path)) return list;
  return MODEL_PATH.test(path) ? find : null;
}

function findModel({ head, models }: LookupContext): EncodedAnswer | Refusal {
  const model = decodeName(MODEL_PATH.exec(head.path)![1]!);
  return models === null || models.includes(model) ? json(describeModel(model)) : { kind: 'model_missing', model };
}

function describeModel(id: string) {
  return {
    name: `models/${id}`,
    version: '001',
    displayName: id,
    description: 'A model of the simulator.',
    inputTokenLimit: INPUT_TOKEN_LIMIT,
    outputTokenLimit: OUTPUT_TOKEN_LIMIT,
    supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'],
    temperature: 1,
    topP: 0.95,
    topK: 64,
    maxTemperature: 2,
    thinking: true,
  };
}

function json(value: unknown): EncodedAnswer {
  const headers = ['content-type', 'application/json; charset=UTF-8'];
  return { status: 200, headers, body: `${JSON.stringify(value, null, 2)}\n` };
}
