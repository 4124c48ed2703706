// Answers as text completions, streamed and not: the same object, whole or in pieces.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerChoice } from '../../engine/answers/answer.ts';
import type { Identity, SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import { serverError } from '../openai/server-error.ts';
import { createdAt, fingerprint, writeUsage } from '../openai-chat/chat-fields.ts';

export interface CompletionsRequest {
  model: string;
  /** `stream_options.include_usage`. */
  wantsUsage: boolean;
}

export class CompletionsVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'text/event-stream; charset=utf-8';
  readonly #request: CompletionsRequest;

  constructor(request: CompletionsRequest) {
    this.#request = request;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    const choices = answer.choices.map((choice, index) => writePiece(index, textOf(choice), finishOf(choice)));
    const usage = showsUsage ? { usage: writeUsage(answer.usage) } : {};
    return JSON.stringify({ ...this.#head(identity), choices, ...usage });
  }

  speakStream({ identity, answer, showsUsage }: SpeechOptions): StreamVoice {
    const head = this.#head(identity);
    const wantsUsage = this.#request.wantsUsage && showsUsage;
    const event = (choices: readonly object[], usage: Usage | null = null) =>
      `data: ${JSON.stringify({ ...head, choices, ...(wantsUsage ? { usage: usage && writeUsage(usage) } : {}) })}\n\n`;
    return {
      open: () => '',
      step: ({ choice, part, text }) => (part.kind === 'text' ? event([writePiece(choice, text, null)]) : ''),
      close: (served) =>
        answer.choices.map((choice, index) => event([writePiece(index, '', finishOf(choice))])).join('') +
        (wantsUsage ? event([], served) : ''),
      terminate: () => 'data: [DONE]\n\n',
      fail: () => `data: ${this.failWhole()}\n\n`,
      babble: () => 'data: {"id":"cmpl-broken","object":"text_comp\n\n',
      pause: () => ': keep-alive\n\n',
    };
  }

  failWhole(): string {
    return JSON.stringify({ error: serverError() });
  }

  #head(identity: Identity) {
    return {
      id: `cmpl-${identity.unique}`,
      object: 'text_completion',
      created: createdAt(identity),
      model: this.#request.model,
      system_fingerprint: fingerprint(identity),
    };
  }
}

function writePiece(index: number, text: string, finish: string | null) {
  return { text, index, logprobs: null, finish_reason: finish };
}

function textOf({ parts }: AnswerChoice): string {
  return parts.map((part) => (part.kind === 'text' ? part.text : '')).join('');
}

/** No tools here, so none is called. */
function finishOf({ finish }: AnswerChoice): string {
  return finish === 'tool_calls' ? 'stop' : finish;
}
