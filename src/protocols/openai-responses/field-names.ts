// What clients of this protocol call the fields of a request; where the protocol has none, what OpenAI calls it elsewhere.
import type { RequestField } from '../codec.ts';

const NAMES: Record<RequestField, string> = {
  messages: 'input',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
  maxOutputTokens: 'max_output_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  seed: 'seed',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  stop: 'stop',
  choices: 'n',
  output: 'text.format',
  reasoning: 'reasoning',
  endUser: 'safety_identifier',
  metadata: 'metadata',
  serviceTier: 'service_tier',
  verbosity: 'text.verbosity',
  logProbabilities: 'top_logprobs',
  logitBias: 'logit_bias',
  modalities: 'modalities',
  image: 'image',
  speech: 'audio',
  webSearch: 'tools.web_search',
  searchContextSize: 'tools.search_context_size',
  searchLocation: 'tools.user_location',
  searchUses: 'max_tool_calls',
  cacheBreakpoints: 'prompt_cache_breakpoint',
  grammar: 'tools.format',
  strict: 'tools.strict',
};

export function responsesFieldName(field: RequestField): string {
  return NAMES[field];
}
