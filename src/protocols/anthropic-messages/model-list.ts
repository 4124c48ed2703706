// GET /v1/models in Anthropic's shape (npm @anthropic-ai/sdk 1.11.0, resources/models): pages by id.
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { ListedModel, ModelShape, RequestTarget } from '../protocol.ts';
import { anthropicMessagesClient } from './protocol.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000;
/** Anthropic's value for an unknown time. */
const UNKNOWN_TIME = '1970-01-01T00:00:00Z';

export const anthropicModels: ModelShape = { client: anthropicMessagesClient, describe, list };

/** Unknown members are null, as in Anthropic's own list. */
function describe({ name, providers, pricing, facts }: ListedModel) {
  const { displayName, createdAtMs, contextTokens, outputTokens, capabilities } = facts;
  return {
    type: 'model',
    id: name,
    display_name: displayName ?? name,
    created_at: createdAtMs === undefined ? UNKNOWN_TIME : new Date(createdAtMs).toISOString().replace('.000Z', 'Z'),
    lifecycle: 'active',
    deprecated_at: null,
    retires_at: null,
    line: null,
    max_input_tokens: contextTokens ?? null,
    max_tokens: outputTokens ?? null,
    capabilities: capabilities ?? null,
    providers,
    pricing,
  };
}

function list(models: readonly ListedModel[], query: RequestTarget['query']): object | Failure {
  const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    return invalid('limit', `must be a whole number from 1 to ${MAX_LIMIT}`);
  }
  const { after_id: after, before_id: before } = query;
  if (after !== undefined && before !== undefined)
    return invalid('before_id', 'cannot be given together with after_id');
  const cursor = models.findIndex(({ name }) => name === (after ?? before));
  if (cursor < 0 && after !== undefined) return invalid('after_id', 'names no model of this list');
  if (cursor < 0 && before !== undefined) return invalid('before_id', 'names no model of this list');
  return before === undefined
    ? page(models.slice(cursor + 1, cursor + 1 + limit), cursor + 1 + limit < models.length)
    : page(models.slice(Math.max(0, cursor - limit), cursor), cursor > limit);
}

/** `hasMore`: in the direction of the request. */
function page(models: readonly ListedModel[], hasMore: boolean): object {
  return {
    data: models.map(describe),
    has_more: hasMore,
    first_id: models[0]?.name ?? null,
    last_id: models.at(-1)?.name ?? null,
  };
}

function invalid(param: string, what: string): Failure {
  return createFailure('request_invalid', `${param}: ${what}.`, { param });
}
