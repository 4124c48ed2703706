// Writes unstreamed answers as chat completions; chat-stream.ts writes streamed ones.
import type { AnswerChoice, AnswerPart } from '../../engine/answers/answer.ts';
import type { SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import { serverError } from '../openai/server-error.ts';
import { completionId, createdAt, fingerprint, toolCallId, writeUsage } from './chat-fields.ts';
import type { ChatRequest } from './chat-request.ts';
import { ChatStreamVoice } from './chat-stream.ts';

export class ChatVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'text/event-stream; charset=utf-8';
  readonly #request: ChatRequest;

  constructor(request: ChatRequest) {
    this.#request = request;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    return JSON.stringify({
      id: completionId(identity),
      object: 'chat.completion',
      created: createdAt(identity),
      model: this.#request.model,
      choices: answer.choices.map(writeChoice),
      ...(showsUsage ? { usage: writeUsage(answer.usage) } : {}),
      service_tier: 'default',
      system_fingerprint: fingerprint(identity),
    });
  }

  speakStream(options: SpeechOptions): StreamVoice {
    return new ChatStreamVoice(this.#request, options);
  }

  failWhole(): string {
    return JSON.stringify({ error: serverError() });
  }
}

function writeChoice({ parts, finish }: AnswerChoice, index: number) {
  const text = join(parts, (part) => part.kind === 'text' && !part.isRefusal);
  const refusal = join(parts, (part) => part.kind === 'text' && part.isRefusal === true);
  const reasoning = join(parts, (part) => part.kind === 'reasoning' && part.isShown);
  const calls = parts.filter((part) => part.kind === 'tool_call');
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && (calls.length > 0 || refusal !== '') ? null : text,
      refusal: refusal === '' ? null : refusal,
      // OpenAI shows no reasoning here; providers that do (DeepSeek, vLLM) use this member.
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls.map(writeToolCall) }),
      annotations: [],
    },
    logprobs: null,
    finish_reason: finish,
  };
}

function join(parts: readonly AnswerPart[], isWanted: (part: AnswerPart) => boolean): string {
  return parts.map((part) => ('text' in part && isWanted(part) ? part.text : '')).join('');
}

type ToolCallPart = Extract<AnswerPart, { kind: 'tool_call' }>;

function writeToolCall({ id, name, input, takesText }: ToolCallPart) {
  return takesText
    ? { id: toolCallId(id), type: 'custom', custom: { name, input } }
    : { id: toolCallId(id), type: 'function', function: { name, arguments: input } };
}
