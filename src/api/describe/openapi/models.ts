// OpenAPI entries of model lists: one path that answers in three shapes, and paths with a single shape.
import { z } from 'zod';
import { geminiModels } from '../../../protocols/gemini-generate-content/model-list.ts';
import { openaiModels } from '../../../protocols/openai/model-list.ts';
import type { ModelShape } from '../../../protocols/protocol.ts';
import { MODEL_ADDRESSES } from '../../routes/models.ts';
import { type ErrorShape, group, named, type Operation, ok } from './operation.ts';

const pricing = z
  .object({
    unit: z.string(),
    input: z.number(),
    cached_input: z.number(),
    output: z.number(),
    prompt: z.string(),
    completion: z.string(),
    input_cache_read: z.string(),
  })
  .nullable()
  .describe('Prices; null if they are not known.');
const shared = { providers: z.array(z.string()), pricing };

const MODELS = {
  openai: named(
    'OpenaiModel',
    z.looseObject({
      id: z.string(),
      object: z.literal('model'),
      created: z.number().int(),
      owned_by: z.string(),
      ...shared,
    }),
  ),
  anthropic: named(
    'AnthropicModel',
    z.looseObject({ type: z.literal('model'), id: z.string(), display_name: z.string(), ...shared }),
  ),
  gemini: named(
    'GeminiModel',
    z.looseObject({
      name: z.string(),
      displayName: z.string(),
      supportedGenerationMethods: z.array(z.string()),
      ...shared,
    }),
  ),
} as const;
const LISTS = {
  openai: named(
    'OpenaiModels',
    z.object({
      object: z.literal('list'),
      data: z.array(MODELS.openai),
      models: z
        .array(z.looseObject({ slug: z.string() }))
        .optional()
        .describe('Models in the format of Codex.'),
    }),
  ),
  anthropic: named(
    'AnthropicModels',
    z.object({
      data: z.array(MODELS.anthropic),
      has_more: z.boolean(),
      first_id: z.string().nullable(),
      last_id: z.string().nullable(),
    }),
  ),
  gemini: named('GeminiModels', z.object({ models: z.array(MODELS.gemini), nextPageToken: z.string().optional() })),
} as const;
const anyList = named('Models', z.union([LISTS.openai, LISTS.anthropic, LISTS.gemini]));
const anyModel = named('Model', z.union([MODELS.openai, MODELS.anthropic, MODELS.gemini]));

const queries = {
  openai: { client_version: z.string().describe('Sent by Codex: adds `models` in its format.') },
  anthropic: { limit: z.coerce.number().int().optional(), after_id: z.string(), before_id: z.string() },
  gemini: { pageSize: z.coerce.number().int(), pageToken: z.string() },
};

/** Paths of one protocol, and the shared path that tells clients apart by their headers. */
function describeModels(shapes: readonly ErrorShape[], paths: readonly string[], suffix: string): Operation[] {
  const [only, ...others] = shapes;
  const isAny = others.length > 0;
  const query = z
    .object({
      ...(shapes.includes('openai') ? queries.openai : {}),
      ...(shapes.includes('anthropic') ? queries.anthropic : {}),
      ...(shapes.includes('gemini') ? queries.gemini : {}),
    })
    .partial();
  return group({ tag: 'models', access: 'client', errors: shapes }, [
    {
      routes: paths.map((path) => `GET ${path}`),
      id: `listModels${suffix}`,
      summary: 'Models that this key may use, with prices',
      ...(isAny ? { description: BY_HEADERS } : {}),
      ...(Object.keys(query.shape).length === 0 ? {} : { query }),
      answers: ok(isAny ? anyList : LISTS[only!]),
    },
    {
      routes: paths.map((path) => `GET ${path}/*`),
      rest: 'model',
      params: { model: 'May contain unescaped slashes.' },
      id: `getModel${suffix}`,
      summary: 'One model',
      ...(isAny ? { description: BY_HEADERS } : {}),
      answers: ok(isAny ? anyModel : MODELS[only!]),
      failures: ['model_not_found'],
    },
  ]);
}

const BY_HEADERS =
  'In Anthropic’s format with `anthropic-version` or `x-api-key`, in Google’s with `x-goog-api-key` or `key`, else in OpenAI’s.';

const addresses = (isIt: (shape: ModelShape | null) => boolean) =>
  MODEL_ADDRESSES.filter(({ shape }) => isIt(shape)).map(({ path }) => path);

export const modelOperations: readonly Operation[] = [
  ...describeModels(
    ['openai', 'anthropic', 'gemini'],
    addresses((shape) => shape === null),
    '',
  ),
  ...describeModels(
    ['openai'],
    addresses((shape) => shape === openaiModels),
    'Openai',
  ),
  ...describeModels(
    ['gemini'],
    addresses((shape) => shape === geminiModels),
    'Gemini',
  ),
];
