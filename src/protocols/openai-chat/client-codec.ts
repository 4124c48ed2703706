// OpenAI Chat Completions for clients whose model speaks another protocol.
import type { ClientCodec, RequestField } from '../codec.ts';
import { ChatAnswerEncoder } from './answer-encoder.ts';
import { decodeChatRequest } from './decode-request.ts';
import { encodeChatAnswer } from './encode-answer.ts';
import { resumeChatStream } from './resume-stream.ts';

/** Chat's own names, where they are not the canonical one in snake case. */
const NAMES: Partial<Record<RequestField, string>> = {
  maxOutputTokens: 'max_completion_tokens',
  choices: 'n',
  output: 'response_format',
  reasoning: 'reasoning_effort',
  endUser: 'user',
  logProbabilities: 'logprobs',
  image: 'image_config',
  speech: 'audio',
  webSearch: 'web_search_options',
  searchContextSize: 'web_search_options.search_context_size',
  searchLocation: 'web_search_options.user_location',
  searchUses: 'web_search_options',
  cacheBreakpoints: 'cache_control',
  grammar: 'tools.custom.format',
  strict: 'tools.function.strict',
};

export function chatFieldName(field: RequestField): string {
  return NAMES[field] ?? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export const chatClientCodec: ClientCodec = {
  decodeRequest: decodeChatRequest,
  fieldName: chatFieldName,
  encodeAnswer: encodeChatAnswer,
  openEncoder: (context) => new ChatAnswerEncoder(context),
  resumeEncoder: resumeChatStream,
};
