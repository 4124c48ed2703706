// Anthropic Messages, the provider's side. Wire facts: docs/reference/anthropic-messages.md.

import { type Refusal, RefusalError } from '../../engine/refusal.ts';
import type { CallRoute, Dialect, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { decodeName, listedModels, MODELS_CREATED_MS } from '../listed-models.ts';
import { anthropicHeaders, readAnthropicKey } from './headers.ts';
import { measurePrompt } from './measure-prompt.ts';
import { traitsOf } from './model-traits.ts';
import { readMessagesCall } from './read-call.ts';
import { readStrictObject, readText } from './read-fields.ts';
import { readPrompt } from './read-prompt.ts';
import { readTools } from './read-tools.ts';
import { encodeAnthropicRefusal } from './refusals.ts';
import { checkBetas, readVersion } from './versions.ts';

const messages: CallRoute = { kind: 'call', read: readMessagesCall };

/** Answers Anthropic clients that call an unknown path. */
const unknown: LookupRoute = {
  kind: 'lookup',
  answer: ({ head: { method, path } }) => ({ kind: 'route_missing', method, path }),
};

export const anthropicMessagesDialect: Dialect = {
  name: 'anthropic-messages',
  route,
  readCredential: readAnthropicKey,
  encodeRefusal: encodeAnthropicRefusal,
  answerHeaders: anthropicHeaders,
};

/** Two paths belong to Anthropic alone. Paths shared with other providers are Anthropic's if its headers are present. */
function route({ method, path, headers }: RequestHead): CallRoute | LookupRoute | null {
  if (method === 'POST' && path === '/v1/messages') return messages;
  if (method === 'POST' && path === '/v1/messages/count_tokens') return countTokens;
  if (headers['anthropic-version'] === undefined) return null;
  return (method === 'GET' ? routeModels(path) : null) ?? unknown;
}

// POST /v1/messages/count_tokens: the prompt tokens that the same request would be billed for.

/** Members that only affect the answer, such as `max_tokens`, are refused here. */
const MEMBERS = new Set(
  (
    'model messages system tools tool_choice thinking output_config cache_control speed context_management mcp_servers ' +
    'thread compaction'
  ).split(' '),
);

export const countTokens: LookupRoute = { kind: 'lookup', answer: count };

function count({ head, body: text }: LookupContext): EncodedAnswer {
  const version = readVersion(head);
  checkBetas(head);
  const body = readStrictObject(parse(text), '', MEMBERS);
  const { system, turns } = readPrompt(body, traitsOf(readText(body.model, 'model')), version);
  readTools(body);
  const { promptTokens } = measurePrompt(body, system, turns);
  const headers = ['content-type', 'application/json'];
  return { status: 200, headers, body: JSON.stringify({ input_tokens: promptTokens }) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}

// GET /v1/models and /v1/models/{id}, in Anthropic's shape.

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

function describeModel(id: string) {
  const createdAt = new Date(MODELS_CREATED_MS).toISOString().replace('.000Z', 'Z');
  return { type: 'model', id, display_name: id, created_at: createdAt };
}

function json(value: unknown): EncodedAnswer {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value) };
}
