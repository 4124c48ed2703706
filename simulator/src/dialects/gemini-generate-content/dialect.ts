// Gemini generateContent (Developer API), the provider's side. Wire facts: docs/reference/gemini-generate-content.md.
import type { AnswerFacts, CallRoute, Dialect, LookupRoute, RequestHead } from '../dialect.ts';
import { readBearer } from '../openai/headers.ts';
import { countTokens } from './count-tokens.ts';
import { routeModels } from './models.ts';
import { readGeminiCall } from './read-call.ts';
import { encodeGeminiRefusal } from './refusals.ts';
import { deliveryOf, isGoogles, readTarget } from './target.ts';

const generate: CallRoute = {
  kind: 'call',
  read: (body, head, provider) =>
    readGeminiCall(body, { model: readTarget(head.path)!.model, delivery: deliveryOf(head) }, provider),
};

/** For callers that are Google's, and have lost their way. */
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

/** Neither limits nor a request id: Google announces neither. */
function answerHeaders({ processingMs }: AnswerFacts): readonly string[] {
  return ['server-timing', `gfet4t7; dur=${processingMs}`, 'x-gemini-service-tier', 'standard'];
}
