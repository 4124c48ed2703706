// The client's face of Anthropic Messages: what the broker uses of a request body. Checks only that; every other field,
// known or not, is the provider's business.
import { z } from 'zod';
import { createFailure, type Failure, isFailure } from '../../contracts/failure.ts';
import type { JsonObject } from '../codec.ts';
import { effectiveRequest, outputBound } from '../effective-request.ts';
import type { RequestFacts } from '../protocol.ts';
import { providerPreferences, readPreferences } from '../provider-preferences.ts';
import { estimateInputTokens } from './estimate.ts';

const names = z.array(z.string()).nullish();

/** Beside what routing needs, `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
const countRequest = z.looseObject({
  model: z.string().min(1),
  messages: z.array(z.looseObject({})).min(1),
  models: names,
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
});

/** Zero warms the cache and answers nothing. */
const messagesRequest = countRequest.extend({
  max_tokens: z.number().int().min(0),
  stream: z.boolean().nullish(),
});

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readMessagesRequest(body: unknown): RequestFacts | Failure {
  const request = check(messagesRequest, body);
  if (isFailure(request)) return request;
  return { ...factsOf(request), isStream: request.stream === true, maxOutputTokens: outputBound(request) };
}

export function readCountRequest(body: unknown): RequestFacts | Failure {
  const request = check(countRequest, body);
  return isFailure(request) ? request : { ...factsOf(request), usageDelivery: 'none' };
}

function check<T extends object>(schema: z.ZodType<T>, sent: unknown): T | Failure {
  const body = effectiveRequest(sent);
  const parsed = schema.safeParse(body);
  return parsed.success ? parsed.data : describeIssue(parsed.error.issues[0]!, body);
}

function factsOf(request: z.infer<typeof countRequest>): RequestFacts {
  return {
    model: request.model,
    isStream: false,
    usageDelivery: 'own-event',
    estimatedInputTokens: estimateInputTokens(request as JsonObject),
    // Counting generates nothing.
    maxOutputTokens: 0,
    choices: 1,
    alternativeModels: request.models ?? [],
    preferences: readPreferences(request.provider),
  };
}

/** The first fault as Anthropic words it: `max_tokens: Field required`. */
function describeIssue(issue: z.core.$ZodIssue, body: unknown): Failure {
  const param = issue.path.join('.');
  if (param === '') {
    const expected = 'The request body must be a JSON object with "model", "messages" and "max_tokens".';
    return createFailure('request_invalid', expected);
  }
  if (valueAt(body, issue.path) === undefined) {
    return createFailure('parameter_missing', `${param}: Field required`, { param });
  }
  return createFailure('request_invalid', `${param}: ${issue.message}`, { param });
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const part of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[part];
  return value;
}
