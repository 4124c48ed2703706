// One provider that speaks every protocol, and the configuration of a broker with a model for each, so that all are tested
// alike.

import type { Simulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { deployment, PROVIDER_KEY, RETRIES } from './providers.ts';

/** Model of the configuration → the protocol that its provider speaks. */
export const RESPONSE_MODELS = [
  { model: 'by-responses', protocol: 'openai-responses', upstream: 'gpt-4o' },
  { model: 'by-chat', protocol: 'openai-chat', upstream: 'gpt-4o' },
  { model: 'by-messages', protocol: 'anthropic-messages', upstream: 'claude-sonnet-4-6' },
  { model: 'by-gemini', protocol: 'gemini-generate-content', upstream: 'gemini-2.5-flash' },
] as const;

export function responseConfiguration(simulator: Simulator): ConfigurationInput {
  const providers = RESPONSE_MODELS.map(({ model, protocol }) => {
    const path = protocol.startsWith('openai') ? '/v1' : '';
    const provider = {
      protocols: [protocol],
      base_url: `${simulator.url}${path}`,
      api_key: PROVIDER_KEY,
      retries: RETRIES,
    };
    return [model, provider] as const;
  });
  const models = RESPONSE_MODELS.map(({ model, upstream }) => [model, { deployments: [deployment(model, upstream)] }]);
  return { providers: Object.fromEntries(providers), models: Object.fromEntries(models) };
}
