// Why an answer ended, in OpenAI's words and in those of its imitators.
import type { FinishReason } from '../../contracts/answer.ts';

const DECODED: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ['stop', 'stop'],
  // What providers have said for it (vLLM and TGI of old, Together, Cohere, Anthropic's words through gateways).
  ...[
    ...['eos', 'eos_token', 'end_of_text', 'end_of_turn', 'end_turn', 'stop_sequence', 'stop_token', 'end', 'done'],
    ...['complete', 'completed', 'finish', 'finished', 'normal'],
  ].map((word): [string, FinishReason] => [word, 'stop']),
  ['length', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'content-filter'],
  // OpenRouter, and vLLM and SGLang for what was aborted.
  ['error', 'error'],
  ['abort', 'error'],
  // Mistral.
  ['model_length', 'length'],
  // DeepSeek, Z.ai.
  ['insufficient_system_resource', 'error'],
  ['network_error', 'error'],
  ['sensitive', 'content-filter'],
  // Other protocols' words, shining through gateways.
  ['max_tokens', 'length'],
  ['tool_use', 'tool-calls'],
  ['safety', 'content-filter'],
  ['refusal', 'content-filter'],
  ['recitation', 'content-filter'],
  ['blocklist', 'content-filter'],
  ['prohibited_content', 'content-filter'],
  ['spii', 'content-filter'],
  ['model_armor', 'content-filter'],
]);

/**
 * None is a stop: the provider has said that all was over. One that is not known is no clean end. A stop after tool calls is
 * a call: Ollama and Gemini's OpenAI endpoint have said `stop` there, as OpenAI does for a forced call; a call without
 * calls is a stop.
 */
export function decodeFinishReason(reason: unknown, hasCalls: boolean): FinishReason {
  const word = typeof reason === 'string' ? reason.toLowerCase() : '';
  const decoded = word === '' ? 'stop' : (DECODED.get(word) ?? 'error');
  const isOver = decoded === 'stop' || decoded === 'tool-calls';
  return isOver ? (hasCalls ? 'tool-calls' : 'stop') : decoded;
}

const ENCODED: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  // A client of Chat cannot go on where the provider paused.
  pause: 'stop',
  // OpenAI has no word for it; this one says that the answer is not whole.
  error: 'length',
};

export function encodeFinishReason(reason: FinishReason): string {
  return ENCODED[reason];
}
