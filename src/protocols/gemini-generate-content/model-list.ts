// GET /v1beta/models in Google's shape (npm @google/genai 3.1.0, `Model` and `ListModelsConfig`).
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { ListedModel, ModelShape, RequestTarget } from '../protocol.ts';
import { geminiClient } from './protocol.ts';

const DEFAULT_PAGE_SIZE = 50;
/** Larger sizes are reduced to this, as at Google. */
const MAX_PAGE_SIZE = 1_000;
/** Methods of this broker's that work for any model. */
const METHODS = ['generateContent', 'streamGenerateContent', 'countTokens'];

export const geminiModels: ModelShape = { client: geminiClient, describe, list };

/** Unknown token limits are left out, because a zero would be taken literally. */
function describe({ name, providers, pricing, facts }: ListedModel) {
  const { displayName, contextTokens, outputTokens } = facts;
  return {
    name: `models/${name}`,
    version: '',
    displayName: displayName ?? name,
    description: `Answered by ${providers.join(', ')}.`,
    ...(contextTokens === undefined ? {} : { inputTokenLimit: contextTokens }),
    ...(outputTokens === undefined ? {} : { outputTokenLimit: outputTokens }),
    supportedGenerationMethods: METHODS,
    providers,
    pricing,
  };
}

function list(models: readonly ListedModel[], query: RequestTarget['query']): object | Failure {
  const size = readSize(query.pageSize ?? query.page_size);
  if (size === null) return invalid('pageSize', 'must be a whole number of at least 0');
  const token = query.pageToken ?? query.page_token;
  const start = token === undefined || token === '' ? 0 : models.findIndex(({ name }) => name === token);
  if (start < 0) return invalid('pageToken', 'is not a page token of this list');
  const next = models[start + size]?.name;
  return {
    models: models.slice(start, start + size).map(describe),
    ...(next === undefined ? {} : { nextPageToken: next }),
  };
}

function readSize(text: string | undefined): number | null {
  const size = text === undefined ? 0 : Number(text);
  if (!Number.isInteger(size) || size < 0) return null;
  return size === 0 ? DEFAULT_PAGE_SIZE : Math.min(size, MAX_PAGE_SIZE);
}

function invalid(param: string, what: string): Failure {
  return createFailure('request_invalid', `Invalid value for '${param}': it ${what}.`, { param });
}
