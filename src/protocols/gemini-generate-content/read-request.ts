// The client's face of generateContent: what the broker uses of a request. Checks only that; every other field, known or
// not, is the provider's business.
import { z } from 'zod';
import { createFailure, type Failure } from '../../contracts/failure.ts';
import type { JsonObject } from '../codec.ts';
import { effectiveRequest, outputBound } from '../effective-request.ts';
import type { RequestFacts, RequestTarget } from '../protocol.ts';
import { providerPreferences, readPreferences } from '../provider-preferences.ts';
import { estimateInputTokens } from './estimate.ts';
import { readMethodPath } from './method-path.ts';
import { asObject, field } from './wire-values.ts';

const names = z.array(z.string()).nullish();

const count = z.number().int().positive().nullish();

/** Beside what routing needs, `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
const geminiRequest = z.looseObject({
  contents: z.array(z.looseObject({})).min(1),
  generationConfig: z.looseObject({ maxOutputTokens: count, candidateCount: count }).nullish(),
  models: names,
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
});

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readGeminiRequest(body: unknown, target: RequestTarget): RequestFacts | Failure {
  const path = readMethodPath(target);
  if (path === null) return createFailure('route_not_found', `Unknown method: ${target.path}.`);
  const request = asObject(effectiveRequest(body));
  if (request === null) return createFailure('request_invalid', 'The request body must be a JSON object.');
  const parsed = geminiRequest.safeParse(inCamelCase(request));
  if (!parsed.success) return describeIssue(parsed.error.issues[0]!, request);
  const { generationConfig, models, provider } = parsed.data;
  const choices = generationConfig?.candidateCount ?? 1;
  return {
    model: path.model,
    isStream: path.method === 'streamGenerateContent',
    usageDelivery: 'own-event',
    estimatedInputTokens: estimateInputTokens(request),
    maxOutputTokens: outputBound(request),
    choices,
    alternativeModels: models ?? [],
    preferences: readPreferences(provider),
  };
}

/** `countTokens` takes the contents as they are, or a whole request in `generateContentRequest`. */
export function readTokenCountRequest(body: unknown, target: RequestTarget): RequestFacts | Failure {
  const request = asObject(body);
  return readGeminiRequest(asObject(field(request, 'generateContentRequest')) ?? request, target);
}

function inCamelCase(request: JsonObject): JsonObject {
  const config = field(request, 'generationConfig');
  const object = asObject(config);
  if (object === null) return config === undefined ? request : { ...request, generationConfig: config };
  const generationConfig = {
    maxOutputTokens: field(object, 'maxOutputTokens'),
    candidateCount: field(object, 'candidateCount'),
  };
  return { ...request, generationConfig };
}

/** The first fault: which field, what is wrong, what to do. */
function describeIssue(issue: z.core.$ZodIssue, body: JsonObject): Failure {
  const param = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1);
  if (param === 'contents' && body.contents === undefined) {
    return createFailure('parameter_missing', 'contents is not specified.', { param });
  }
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  return createFailure('request_invalid', `Invalid value for '${param}': ${message}.`, { param });
}
