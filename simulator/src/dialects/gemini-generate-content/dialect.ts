// Gemini generateContent (Developer API), the provider's side. Wire facts: docs/reference/gemini-generate-content.md.

import { type Refusal, RefusalError } from '../../engine/refusal.ts';
import type {
  AnswerFacts,
  CallRoute,
  Dialect,
  EncodedAnswer,
  LookupContext,
  LookupRoute,
  RequestHead,
} from '../dialect.ts';
import { decodeName, listedModels } from '../listed-models.ts';
import { readBearer } from '../openai/headers.ts';
import { measurePrompt } from './measure-prompt.ts';
import { REQUEST_FIELDS, readGeminiCall } from './read-call.ts';
import { fields, readMessage, refuse } from './read-fields.ts';
import { readTools } from './read-tools.ts';
import { readSystem, readTurns } from './read-turns.ts';
import { encodeGeminiRefusal } from './refusals.ts';
import { deliveryOf, isGoogles, readTarget } from './target.ts';

const generate: CallRoute = {
  kind: 'call',
  read: (body, head, provider) =>
    readGeminiCall(body, { model: readTarget(head.path)!.model, delivery: deliveryOf(head) }, provider),
};

/** Answers Google's clients that call an unknown path. */
const unknown: LookupRoute = {
  kind: 'lookup',
  answer: ({ head: { method, path } }) => ({ kind: 'route_missing', method, path }),
};

export const geminiGenerateContentDialect: Dialect = {
  name: 'gemini-generate-content',
  route,
  readCredential,
  encodeRefusal: encodeGeminiRefusal,
  answerHeaders,
};

function route(head: RequestHead): CallRoute | LookupRoute | null {
  const { method, path } = head;
  if (!isGoogles(head)) return null;
  if (method === 'GET') return routeModels(path) ?? unknown;
  const target = readTarget(path);
  if (method !== 'POST' || target === null) return unknown;
  if (target.method === 'countTokens') return countTokens;
  return target.method === 'generateContent' || target.method === 'streamGenerateContent' ? generate : unknown;
}

function readCredential(head: RequestHead): string | null {
  const key = head.headers['x-goog-api-key'];
  if (typeof key === 'string') return key;
  return new URLSearchParams(head.query).get('key') ?? readBearer(head);
}

/** Without limits and request id, because Google sends neither. */
function answerHeaders({ processingMs }: AnswerFacts): readonly string[] {
  return ['server-timing', `gfet4t7; dur=${processingMs}`, 'x-gemini-service-tier', 'standard'];
}

// POST …:countTokens: of contents alone, or of a whole request in `generateContentRequest`.

const FIELDS = fields('contents generateContentRequest');

export const countTokens: LookupRoute = { kind: 'lookup', answer: count };

function count({ body: text }: LookupContext): EncodedAnswer {
  const body = readMessage(parse(text), '', FIELDS);
  if (body.contents !== undefined && body.generateContentRequest !== undefined) {
    refuse('Only one of contents and generate_content_request may be set.');
  }
  const request =
    body.generateContentRequest === undefined
      ? body
      : readMessage(body.generateContentRequest, 'generate_content_request', REQUEST_FIELDS);
  readTools(request);
  const { promptTokens, imageTokens } = measurePrompt(request, readSystem(request), readTurns(request));
  const details = [
    { modality: 'TEXT', tokenCount: promptTokens - imageTokens },
    { modality: 'IMAGE', tokenCount: imageTokens },
  ].filter(({ tokenCount }) => tokenCount > 0);
  return {
    status: 200,
    headers: ['content-type', 'application/json; charset=UTF-8'],
    body: JSON.stringify({ totalTokens: promptTokens, promptTokensDetails: details }, null, 2),
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}

// GET /v1beta/models and /v1beta/models/{model}, or the same of another version.

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
