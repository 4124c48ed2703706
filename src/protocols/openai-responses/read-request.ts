// The client's face of the Responses API: what the broker uses of a request body. Checks only that; every other field,
// known or not, is the provider's business.
import { z } from 'zod';
import type { Failure } from '../../contracts/failure.ts';
import { effectiveRequest, outputBound } from '../call/effective-request.ts';
import { providerPreferences, readPreferences } from '../call/provider-preferences.ts';
import { orFailure, parseMember } from '../openai/parse-member.ts';
import type { RequestFacts } from '../protocol.ts';
import { estimateInput } from './estimate-input.ts';
import { readMemory } from './read-memory.ts';

const names = z.array(z.string()).nullish();

const inputSchema = z.union([z.string(), z.array(z.looseObject({}))], {
  error: 'expected a string or an array of input items',
});

/** Beside what routing needs, `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
const responsesRequest = z.looseObject({
  model: z.string().min(1),
  stream: z.boolean().nullish(),
  max_output_tokens: z.number().int().positive().nullish(),
  models: names,
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
});

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readResponsesRequest(body: unknown): RequestFacts | Failure {
  return orFailure(() => readFacts(body));
}

function readFacts(sent: unknown): RequestFacts {
  const request = parseMember(responsesRequest, effectiveRequest(sent));
  // What `extra_body` says of memory is the provider's: the broker keeps its own by the request's members.
  const memory = readMemory(parseMember(z.looseObject({}), sent));
  // A stored prompt brings its own input, a conversation has some.
  if (!request.prompt && memory.conversationId === null) parseMember(inputSchema, request.input, ['input']);
  return {
    model: request.model,
    isStream: request.stream === true,
    usageDelivery: 'own-event',
    estimatedInputTokens: estimateInput(request),
    maxOutputTokens: outputBound(request),
    choices: 1,
    alternativeModels: request.models ?? [],
    preferences: readPreferences(request.provider),
    memory,
  };
}
