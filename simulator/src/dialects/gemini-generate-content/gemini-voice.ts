// Writes unstreamed answers of generateContent; gemini-stream.ts writes streamed ones.
import type { AnswerChoice, AnswerPart } from '../../engine/answers/answer.ts';
import type { BlockedAnswer, SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import {
  answerTail,
  endingOf,
  firstToolCall,
  SAFETY_RATINGS,
  signWords,
  UNAVAILABLE,
  writeFunctionCall,
  writeImage,
  writeUsage,
} from './gemini-fields.ts';
import type { GeminiRequest } from './gemini-request.ts';
import { GeminiStreamVoice, JSON_TYPE } from './gemini-stream.ts';

export class GeminiVoice implements Voice {
  readonly wholeContentType = JSON_TYPE;
  readonly streamContentType: string;
  readonly #request: GeminiRequest;

  constructor(request: GeminiRequest) {
    this.#request = request;
    this.streamContentType = request.delivery === 'sse' ? 'text/event-stream' : JSON_TYPE;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    const { choices, usage } = answer;
    const images = choices.flatMap(({ parts }) => parts.filter((part) => part.kind === 'image'));
    const imageTokens = images.reduce((sum, { tokens }) => sum + tokens, 0);
    return write({
      candidates: choices.map((choice, index) => this.#writeCandidate(choice, index)),
      ...(showsUsage ? { usageMetadata: writeUsage(usage, this.#request, imageTokens) } : {}),
      ...answerTail(this.#request, identity),
    });
  }

  speakStream(options: SpeechOptions): StreamVoice {
    return new GeminiStreamVoice(this.#request, options);
  }

  failWhole(): string {
    return write(UNAVAILABLE);
  }

  /** A failure of the model itself: not an error, but an answer with a different finish reason. */
  failAnswer({ identity }: SpeechOptions): string {
    return write({ candidates: [{ finishReason: 'OTHER', index: 0 }], ...answerTail(this.#request, identity) });
  }

  /** Only what fails with 400 or 500 is free (ai.google.dev/gemini-api/docs/billing, 2026-11): the prompt is billed. */
  speakBlocked(options: SpeechOptions): BlockedAnswer {
    const billed = { ...options.answer.usage, outputTokens: 0, reasoningTokens: 0 };
    const blocked = {
      promptFeedback: { blockReason: 'SAFETY', safetyRatings: SAFETY_RATINGS },
      ...(options.showsUsage ? { usageMetadata: writeUsage(billed, this.#request, 0) } : {}),
      ...answerTail(this.#request, options.identity),
    };
    if (this.#request.delivery === 'unary') return { contentType: JSON_TYPE, body: write(blocked), billed };
    const stream = new GeminiStreamVoice(this.#request, options);
    return { contentType: this.streamContentType, body: stream.write(blocked) + stream.terminate(), billed };
  }

  /** An answer that shows nothing (only thoughts, or filtered) has no parts at all. */
  #writeCandidate(choice: AnswerChoice, index: number) {
    const parts = this.#writeParts(choice);
    const content = parts.length === 0 ? { role: 'model' } : { parts, role: 'model' };
    return { content, ...endingOf(choice, this.#request), index };
  }

  #writeParts(choice: AnswerChoice): object[] {
    const firstCall = firstToolCall(choice);
    const lastWords = choice.parts.findLast(({ kind }) => kind === 'text');
    return choice.parts.flatMap((part) => {
      const signature = part === lastWords && firstCall === undefined ? signWords(choice, this.#request) : {};
      return this.#writePart(part, part === firstCall, signature);
    });
  }

  #writePart(part: AnswerPart, isFirstCall: boolean, signature: object): object[] {
    switch (part.kind) {
      case 'text':
        return part.text === '' ? [] : [{ text: part.text, ...signature }];
      case 'reasoning':
        return part.isShown ? [{ text: part.text, thought: true }] : [];
      case 'tool_call':
        return [writeFunctionCall(part, this.#request, isFirstCall)];
      case 'image':
        return [writeImage(part)];
    }
  }
}

function write(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
