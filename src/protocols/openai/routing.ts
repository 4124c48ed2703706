// Members that every OpenAI request has for the broker: which models and providers, and how the answer is delivered.
import { z } from 'zod';
import { providerPreferences, readPreferences } from '../call/provider-preferences.ts';
import type { UsageDelivery } from '../codec.ts';
import type { RequestTarget } from '../protocol.ts';

/** With `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
export const routingMembers = {
  model: z.string().min(1),
  models: z.array(z.string()).nullish(),
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
};

export const streamMembers = {
  stream: z.boolean().nullish(),
  stream_options: z
    .looseObject({ include_usage: z.boolean().nullish(), continuous_usage_stats: z.unknown().optional() })
    .nullish(),
};

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readRouting(request: z.infer<z.ZodObject<typeof routingMembers>>) {
  return {
    model: request.model,
    alternativeModels: request.models ?? [],
    preferences: readPreferences(request.provider),
  };
}

export function readStreaming(request: z.infer<z.ZodObject<typeof streamMembers>>, target: RequestTarget) {
  const isAskedFor = request.stream_options?.include_usage === true;
  return {
    isStream: request.stream === true,
    usageDelivery: usageDelivery(isAskedFor, target),
    ...(request.stream_options?.continuous_usage_stats === true ? { hasRunningUsage: true } : {}),
  };
}

/** ImageRouter's clients never ask for usage and find it, with the cost, in the last chunk. */
function usageDelivery(isAskedFor: boolean, { path }: RequestTarget): UsageDelivery {
  if (isAskedFor) return 'own-event';
  return path.startsWith('/v1/openai/') ? 'last-event' : 'none';
}
