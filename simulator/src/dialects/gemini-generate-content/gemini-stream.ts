// Streams of streamGenerateContent: events with only data, or one JSON array, sent element by element. Every chunk is a whole
// response with the usage so far; function calls are sent in one piece.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerChoice, AnswerPart } from '../../engine/answers/answer.ts';
import type { Step } from '../../engine/answers/answer-cursor.ts';
import type { SpeechOptions, StreamVoice } from '../dialect.ts';
import {
  answerTail,
  endingOf,
  firstToolCall,
  signWords,
  UNAVAILABLE,
  writeFunctionCall,
  writeImage,
  writeUsage,
} from './gemini-fields.ts';
import type { GeminiRequest } from './gemini-request.ts';

export const JSON_TYPE = 'application/json; charset=UTF-8';

export class GeminiStreamVoice implements StreamVoice {
  readonly #request: GeminiRequest;
  readonly #options: SpeechOptions;
  readonly #firstCalls: ReadonlySet<AnswerPart | undefined>;
  #imageTokens = 0;
  /** Elements of the array that have been written. */
  #elements = 0;

  constructor(request: GeminiRequest, options: SpeechOptions) {
    this.#request = request;
    this.#options = options;
    this.#firstCalls = new Set(options.answer.choices.map(firstToolCall));
  }

  /** Nothing is sent before the first text. */
  open(): string {
    return '';
  }

  step(step: Step, served: Usage): string {
    const part = this.#writePart(step);
    return part === null ? '' : this.#chunk(step.choice, { content: { parts: [part], role: 'model' } }, served);
  }

  close(served: Usage): string {
    const endings = this.#options.answer.choices.map((choice, index) =>
      this.#chunk(index, { ...this.#lastContent(choice), ...endingOf(choice, this.#request) }, served),
    );
    return endings.join('');
  }

  /** There is no terminating event, only the end of the connection. */
  terminate(): string {
    return this.#request.delivery === 'array' ? (this.#elements === 0 ? '[]' : ']') : '';
  }

  /** The provider's form of an error: bare JSON among the events, without `data:`. */
  fail(): string {
    return this.#request.delivery === 'array'
      ? this.write(UNAVAILABLE) + this.terminate()
      : `${JSON.stringify(UNAVAILABLE, null, 2)}\n`;
  }

  failAnswer(): string {
    const failed = {
      candidates: [{ finishReason: 'OTHER', index: 0 }],
      ...answerTail(this.#request, this.#options.identity),
    };
    return this.write(failed) + this.terminate();
  }

  babble(): string {
    const broken = '{"candidates": [{"content": {"parts": [{"te';
    return this.#request.delivery === 'array' ? this.#separate(broken) : `data: ${broken}\r\n\r\n`;
  }

  pause(): string {
    return this.#request.delivery === 'array' ? '\n' : ': keep-alive\r\n\r\n';
  }

  /** One response as the next piece of the stream. */
  write(response: object): string {
    return this.#request.delivery === 'array'
      ? this.#separate(`${JSON.stringify(response, null, 2)}\n`)
      : `data: ${JSON.stringify(response)}\r\n\r\n`;
  }

  #separate(element: string): string {
    this.#elements += 1;
    return (this.#elements === 1 ? '[' : ',\r\n') + element;
  }

  #chunk(index: number, candidate: object, served: Usage): string {
    const { identity, showsUsage } = this.#options;
    return this.write({
      candidates: [{ ...candidate, index }],
      ...(showsUsage ? { usageMetadata: writeUsage(served, this.#request, this.#imageTokens) } : {}),
      ...answerTail(this.#request, identity),
    });
  }

  /** A complete answer has one more, empty part; others have no parts, or no content at all. */
  #lastContent(choice: AnswerChoice): object {
    switch (choice.finish) {
      case 'content_filter':
        return {};
      case 'length':
        return { content: { role: 'model' } };
      default: {
        const signature = firstToolCall(choice) === undefined ? signWords(choice, this.#request) : {};
        return { content: { parts: [{ text: '', ...signature }], role: 'model' } };
      }
    }
  }

  /** Null for a step that shows nothing. */
  #writePart({ part, text, isLastOfPart }: Step): object | null {
    switch (part.kind) {
      case 'text':
        return { text };
      case 'reasoning':
        return part.isShown ? { text, thought: true } : null;
      case 'tool_call':
        return isLastOfPart ? writeFunctionCall(part, this.#request, this.#firstCalls.has(part)) : null;
      case 'image':
        this.#imageTokens += part.tokens;
        return writeImage(part);
    }
  }
}
