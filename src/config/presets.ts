// Well-known providers, each a few lines of data: defaults for a provider that has the name of a preset, or names one. Every
// value can be overridden in the configuration.
import type { ProtocolName } from './schema.ts';

export interface Preset {
  protocols: readonly ProtocolName[];
  /** Absent if every account has its own. */
  baseUrl?: string;
  /** Environment variable that conventionally holds the key. */
  keyVariable?: string;
  /** The provider's id in the price package; absent if it is the preset's name. */
  priceId?: string;
  /** Set if it differs from the protocol's own. */
  credentialHeader?: string;
  /** False for providers that refuse `stream_options`. */
  hasStreamUsage?: false;
  /** Whether it refuses unknown members of messages, which answers of other providers' models have. */
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

/** Hosts of providers that refuse unknown members of messages, however the provider is named in the configuration. */
const STRICT_HOST = /^https?:\/\/api\.(mistral|groq|cerebras)\.(ai|com)([:/]|$)/i;

export function isStrictProvider(preset: Preset | undefined, baseUrl: string): boolean {
  return preset?.isStrict === true || STRICT_HOST.test(baseUrl);
}

/** The preset that it names, else the one with its own name; undefined if there is none. */
export function presetOf(name: string, { preset }: { preset?: string | undefined }): Preset | undefined {
  const wanted = preset ?? name;
  return Object.hasOwn(PRESETS, wanted) ? PRESETS[wanted] : undefined;
}
