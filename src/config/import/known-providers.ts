// Maps LiteLLM's and Portkey's names of providers to a preset, or to an address and a protocol. Addresses are from the
// providers' own documentation, 2026-11.
import { PRESETS, type Preset } from '../presets.ts';

/** Its settings in the configuration, without the key. */
export interface KnownProvider {
  name: string;
  settings: { preset?: string; base_url?: string; protocols?: Preset['protocols'] };
  /** Variables that may hold its key, the usual one first. */
  keyVariables: readonly string[];
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
  ai21_chat: ['https://api.ai21.com/studio/v1', 'AI21_API_KEY'],
  aiml: ['https://api.aimlapi.com/v1', 'AIML_API_KEY'],
  baseten: ['https://inference.baseten.co/v1', 'BASETEN_API_KEY'],
  codestral: ['https://codestral.mistral.ai/v1', 'CODESTRAL_API_KEY'],
  cometapi: ['https://api.cometapi.com/v1', 'COMETAPI_KEY'],
  featherless_ai: ['https://api.featherless.ai/v1', 'FEATHERLESS_AI_API_KEY'],
  friendliai: ['https://api.friendli.ai/serverless/v1', 'FRIENDLIAI_API_KEY'],
  galadriel: ['https://api.galadriel.com/v1', 'GALADRIEL_API_KEY'],
  hyperbolic: ['https://api.hyperbolic.xyz/v1', 'HYPERBOLIC_API_KEY'],
  inception: ['https://api.inceptionlabs.ai/v1', 'INCEPTION_API_KEY'],
  lambda_ai: ['https://api.lambda.ai/v1', 'LAMBDA_API_KEY'],
  meta_llama: ['https://api.llama.com/compat/v1', 'LLAMA_API_KEY'],
  minimax: ['https://api.minimax.io/v1', 'MINIMAX_API_KEY'],
  morph: ['https://api.morphllm.com/v1', 'MORPH_API_KEY'],
  nscale: ['https://inference.api.nscale.com/v1', 'NSCALE_API_KEY'],
  v0: ['https://api.v0.dev/v1', 'V0_API_KEY'],
  vercel_ai_gateway: ['https://ai-gateway.vercel.sh/v1', 'VERCEL_AI_GATEWAY_API_KEY'],
  volcengine: ['https://ark.cn-beijing.volces.com/api/v3', 'VOLCENGINE_API_KEY'],
  wandb: ['https://api.inference.wandb.ai/v1', 'WANDB_API_KEY'],
  zai: ['https://api.z.ai/api/paas/v4', 'ZAI_API_KEY'],
  lm_studio: ['http://127.0.0.1:1234/v1', 'LM_STUDIO_API_KEY'],
};

/** Where LiteLLM reads the key of a preset from other variables than Sluice does. */
const KEY_VARIABLES: Readonly<Record<string, readonly string[]>> = {
  azure: ['AZURE_OPENAI_API_KEY', 'AZURE_API_KEY'],
  azure_ai: ['AZURE_AI_API_KEY'],
  gemini: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'],
  together_ai: ['TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHERAI_API_KEY', 'TOGETHER_AI_TOKEN'],
  fireworks_ai: ['FIREWORKS_API_KEY', 'FIREWORKS_AI_API_KEY', 'FIREWORKSAI_API_KEY'],
};

const OPENAI_PROTOCOLS = ['openai-chat', 'openai-embeddings'] as const;
/** Names for any provider that speaks OpenAI's protocol; its address comes from the file. */
const COMPATIBLE = new Set([
  'custom_openai',
  'openai_like',
  'litellm_proxy',
  'llamafile',
  'xinference',
  'infinity',
  'docker_model_runner',
]);

/** Null for providers that speak a protocol of their own (Bedrock, Vertex AI). */
export function knownProvider(slug: string): KnownProvider | null {
  const preset = AS_PRESET[slug] ?? slug;
  if (Object.hasOwn(PRESETS, preset)) {
    const usual = PRESETS[preset]!.keyVariable;
    const keyVariables = KEY_VARIABLES[slug] ?? (usual === undefined ? [] : [usual]);
    return { name: preset, settings: { preset }, keyVariables };
  }
  const address = Object.hasOwn(ADDRESSES, slug) ? ADDRESSES[slug]! : null;
  if (address === null && !COMPATIBLE.has(slug)) return null;
  return {
    name: slug,
    settings: { ...(address === null ? {} : { base_url: address[0] }), protocols: [...OPENAI_PROTOCOLS] },
    keyVariables: address === null ? [] : [address[1]],
  };
}
