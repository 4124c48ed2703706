// Providers that people use, each a few lines of data: what the configuration may leave out when a provider has (or names)
// a preset. A preset decides nothing: every value can be set in the configuration.
import type { ProtocolName } from './schema.ts';

export interface Preset {
  protocols: readonly ProtocolName[];
  /** Absent where every account has its own. */
  baseUrl?: string;
  /** Environment variable that holds the key by the provider's own custom. */
  keyVariable?: string;
  /** The provider's id in the price package; absent where the name is the same. */
  priceId?: string;
  /** Where it is not the protocol's own. */
  credentialHeader?: string;
  /** False for providers that refuse `stream_options`. */
  hasStreamUsage?: false;
  /** Refuses members of messages that it does not know: answers of other providers' models have some. */
  isStrict?: true;
}

export const PRESETS: Readonly<Record<string, Preset>> = {
  openai: {
    protocols: ['openai-chat', 'openai-responses', 'openai-embeddings'],
    baseUrl: 'https://api.openai.com/v1',
    keyVariable: 'OPENAI_API_KEY',
  },
  anthropic: {
    protocols: ['anthropic-messages'],
    baseUrl: 'https://api.anthropic.com',
    keyVariable: 'ANTHROPIC_API_KEY',
  },
  google: {
    protocols: ['gemini-generate-content'],
    baseUrl: 'https://generativelanguage.googleapis.com',
    keyVariable: 'GEMINI_API_KEY',
  },
  // Its address has the resource's name in it: https://<resource>.openai.azure.com/openai/v1
  azure: {
    protocols: ['openai-chat', 'openai-responses', 'openai-embeddings'],
    keyVariable: 'AZURE_OPENAI_API_KEY',
    credentialHeader: 'api-key',
  },
  openrouter: {
    protocols: ['openai-chat'],
    baseUrl: 'https://openrouter.ai/api/v1',
    keyVariable: 'OPENROUTER_API_KEY',
  },
  groq: {
    protocols: ['openai-chat'],
    baseUrl: 'https://api.groq.com/openai/v1',
    keyVariable: 'GROQ_API_KEY',
    isStrict: true,
  },
  mistral: {
    protocols: ['openai-chat', 'openai-embeddings'],
    baseUrl: 'https://api.mistral.ai/v1',
    keyVariable: 'MISTRAL_API_KEY',
    isStrict: true,
  },
  deepseek: { protocols: ['openai-chat'], baseUrl: 'https://api.deepseek.com/v1', keyVariable: 'DEEPSEEK_API_KEY' },
  xai: { protocols: ['openai-chat'], baseUrl: 'https://api.x.ai/v1', keyVariable: 'XAI_API_KEY', priceId: 'x-ai' },
  together: {
    protocols: ['openai-chat', 'openai-embeddings'],
    baseUrl: 'https://api.together.xyz/v1',
    keyVariable: 'TOGETHER_API_KEY',
  },
  fireworks: {
    protocols: ['openai-chat', 'openai-embeddings'],
    baseUrl: 'https://api.fireworks.ai/inference/v1',
    keyVariable: 'FIREWORKS_API_KEY',
  },
  ollama: { protocols: ['openai-chat', 'openai-embeddings'], baseUrl: 'http://127.0.0.1:11434/v1' },
  vllm: { protocols: ['openai-chat', 'openai-embeddings'], baseUrl: 'http://127.0.0.1:8000/v1' },
};

/** Hosts of providers that refuse unknown members of messages, by whatever name their provider goes. */
const STRICT_HOST = /^https?:\/\/api\.(mistral|groq|cerebras)\.(ai|com)([:/]|$)/i;

export function isStrictProvider(preset: Preset | undefined, baseUrl: string): boolean {
  return preset?.isStrict === true || STRICT_HOST.test(baseUrl);
}

/** The one that it names, else the one of its own name; undefined where there is none. */
export function presetOf(name: string, { preset }: { preset?: string | undefined }): Preset | undefined {
  const wanted = preset ?? name;
  return Object.hasOwn(PRESETS, wanted) ? PRESETS[wanted] : undefined;
}
