// Requests of Anthropic clients to the canonical form, answers from it.
import type { ClientCodec, RequestField } from '../codec.ts';
import { MessagesEncoder } from './answer-encoder.ts';
import { decodeMessagesRequest } from './decode-request.ts';
import { encodeMessagesAnswer } from './encode-answer.ts';
import { resumeMessagesStream } from './resume-stream.ts';

/** Fields that this protocol does not have come from no client of it; they keep a name that reads well. */
const FIELD_NAMES: Record<RequestField, string> = {
  messages: 'messages',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'tool_choice.disable_parallel_tool_use',
  maxOutputTokens: 'max_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  seed: 'seed',
  presencePenalty: 'presence_penalty',
  frequencyPenalty: 'frequency_penalty',
  stop: 'stop_sequences',
  choices: 'n',
  output: 'output_config.format',
  reasoning: 'thinking',
  endUser: 'metadata.user_id',
  metadata: 'metadata',
  serviceTier: 'service_tier',
  verbosity: 'verbosity',
  logProbabilities: 'logprobs',
  logitBias: 'logit_bias',
  modalities: 'modalities',
  image: 'image',
  speech: 'speech',
  webSearch: 'tools.web_search',
  searchContextSize: 'tools.web_search',
  searchLocation: 'tools.user_location',
  searchUses: 'tools.max_uses',
  cacheBreakpoints: 'cache_control',
  grammar: 'tools',
  strict: 'tools.strict',
};

export const messagesClientCodec: ClientCodec = {
  decodeRequest: decodeMessagesRequest,
  fieldName: (field) => FIELD_NAMES[field],
  encodeAnswer: encodeMessagesAnswer,
  openEncoder: (context) => new MessagesEncoder(context),
  resumeEncoder: resumeMessagesStream,
};
