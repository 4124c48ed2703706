// Why an answer ended, in OpenAI's words and in those of its imitators.
import type { FinishReason } from '../../contracts/answer.ts';

const DECODED: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
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
]);

/**
 * An unknown reason is an end like any other. A stop after tool calls is a call: Ollama and Gemini's OpenAI endpoint have
 * said `stop` there, as OpenAI does for a forced call.
 */
export function decodeFinishReason(reason: unknown, hasCalls: boolean): FinishReason {
  const decoded = (typeof reason === 'string' ? DECODED.get(reason.toLowerCase()) : undefined) ?? 'stop';
  return decoded === 'stop' && hasCalls ? 'tool-calls' : decoded;
}

const ENCODED: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  // A client of Chat cannot go on where the vendor paused.
  pause: 'stop',
  // OpenAI has no word for it; this one says that the answer is not whole.
  error: 'length',
};

export function encodeFinishReason(reason: FinishReason): string {
  return ENCODED[reason];
}
