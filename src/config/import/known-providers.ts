// Maps LiteLLM's and Portkey's names of providers to a preset, or to an address and a protocol. Addresses are from the
// providers' own documentation, 2026-11.
import { PRESETS, type Preset } from '../presets.ts';

/** Its settings in the configuration, without the key. */
export interface KnownProvider {
  name: string;
  settings: { preset?: string; base_url?: string; protocols?: Preset['protocols'] };
  keyVariable: string | undefined;
}

/** LiteLLM's prefix or Portkey's slug → preset. */
const AS_PRESET: Readonly<Record<string, string>> = {
  'text-completion-openai': 'openai',
  'azure-openai': 'azure',
  azure_ai: 'azure',
  gemini: 'google',
  together_ai: 'together',
  'together-ai': 'together',
  fireworks_ai: 'fireworks',
  'fireworks-ai': 'fireworks',
  'mistral-ai': 'mistral',
  'x-ai': 'xai',
  ollama_chat: 'ollama',
  hosted_vllm: 'vllm',
};

/** OpenAI's protocol at an address of their own. */
const ADDRESSES: Readonly<Record<string, readonly [baseUrl: string, keyVariable: string]>> = {
  perplexity: ['https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY'],
  'perplexity-ai': ['https://api.perplexity.ai', 'PERPLEXITYAI_API_KEY'],
  cerebras: ['https://api.cerebras.ai/v1', 'CEREBRAS_API_KEY'],
  nvidia_nim: ['https://integrate.api.nvidia.com/v1', 'NVIDIA_NIM_API_KEY'],
  deepinfra: ['https://api.deepinfra.com/v1/openai', 'DEEPINFRA_API_KEY'],
  sambanova: ['https://api.sambanova.ai/v1', 'SAMBANOVA_API_KEY'],
  moonshot: ['https://api.moonshot.ai/v1', 'MOONSHOT_API_KEY'],
  dashscope: ['https://dashscope-intl.aliyuncs.com/compatible-mode/v1', 'DASHSCOPE_API_KEY'],
  nebius: ['https://api.studio.nebius.ai/v1', 'NEBIUS_API_KEY'],
  novita: ['https://api.novita.ai/v3/openai', 'NOVITA_API_KEY'],
  lm_studio: ['http://127.0.0.1:1234/v1', 'LM_STUDIO_API_KEY'],
};

const OPENAI_PROTOCOLS = ['openai-chat', 'openai-embeddings'] as const;
/** Names for any provider that speaks OpenAI's protocol; its address comes from the file. */
const COMPATIBLE = new Set(['custom_openai', 'openai_like', 'litellm_proxy', 'llamafile', 'xinference', 'infinity']);

/** Null for providers that speak a protocol of their own (Bedrock, Vertex AI). */
export function knownProvider(slug: string): KnownProvider | null {
  const preset = AS_PRESET[slug] ?? slug;
  if (Object.hasOwn(PRESETS, preset)) {
    return { name: preset, settings: { preset }, keyVariable: PRESETS[preset]!.keyVariable };
  }
  const address = Object.hasOwn(ADDRESSES, slug) ? ADDRESSES[slug]! : null;
  if (address === null && !COMPATIBLE.has(slug)) return null;
  return {
    name: slug,
    settings: { ...(address === null ? {} : { base_url: address[0] }), protocols: [...OPENAI_PROTOCOLS] },
    keyVariable: address?.[1],
  };
}
