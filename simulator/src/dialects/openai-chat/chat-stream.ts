// Answers as chat completion chunks. The members common to all chunks are serialised once; a token costs two
// concatenations and the escaping of its own characters.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerPart } from '../../engine/answers/answer.ts';
import type { Step } from '../../engine/answers/answer-cursor.ts';
import type { SpeechOptions, StreamVoice } from '../dialect.ts';
import { serverError } from '../openai/server-error.ts';
import { completionId, createdAt, fingerprint, toolCallId, writeUsage } from './chat-fields.ts';
import type { ChatRequest } from './chat-request.ts';

type ToolCallPart = Extract<AnswerPart, { kind: 'tool_call' }>;

export class ChatStreamVoice implements StreamVoice {
  readonly #options: SpeechOptions;
  readonly #wantsUsage: boolean;
  /** From `data:` to the opening bracket of the choices, and from the closing one to the event's end. */
  readonly #before: string;
  readonly #after: string;
  /** Tool calls are numbered per choice, regardless of other parts between them. */
  readonly #toolIndexes: ReadonlyMap<AnswerPart, number>;

  constructor(request: ChatRequest, options: SpeechOptions) {
    const { identity, answer, showsUsage } = options;
    const common = JSON.stringify({
      id: completionId(identity),
      object: 'chat.completion.chunk',
      created: createdAt(identity),
      model: request.model,
      service_tier: 'default',
      system_fingerprint: fingerprint(identity),
    });
    this.#options = options;
    this.#wantsUsage = request.wantsUsage && showsUsage;
    this.#before = `data: ${common.slice(0, -1)},"choices":[`;
    // If usage is requested, every chunk has the member, which is null in all but the last (types of npm openai 7.55.0).
    this.#after = this.#wantsUsage ? '],"usage":null}\n\n' : ']}\n\n';
    this.#toolIndexes = numberToolCalls(answer.choices.map((choice) => choice.parts));
  }

  open(): string {
    return this.#options.answer.choices
      .map(({ parts }, index) => {
        const content = hasNoContent(parts[0]) ? 'null' : '""';
        return this.#chunk(index, `{"role":"assistant","content":${content},"refusal":null}`);
      })
      .join('');
  }

  step({ choice, part, text, isFirstOfPart }: Step): string {
    switch (part.kind) {
      case 'text':
        return this.#chunk(choice, `{"${part.isRefusal ? 'refusal' : 'content'}":${JSON.stringify(text)}}`);
      case 'reasoning':
        return part.isShown ? this.#chunk(choice, `{"reasoning_content":${JSON.stringify(text)}}`) : '';
      case 'tool_call':
        return this.#chunk(choice, this.#toolDelta(part, text, isFirstOfPart));
      case 'image':
        return '';
    }
  }

  close(served: Usage): string {
    const finishes = this.#options.answer.choices.map(({ finish }, index) => this.#chunk(index, '{}', `"${finish}"`));
    return finishes.join('') + (this.#wantsUsage ? this.#usageChunk(served) : '');
  }

  terminate(): string {
    return 'data: [DONE]\n\n';
  }

  fail(): string {
    return `data: ${JSON.stringify({ error: serverError() })}\n\n`;
  }

  babble(): string {
    return 'data: {"id":"chatcmpl-broken","object":"chat.comp\n\n';
  }

  pause(): string {
    return ': keep-alive\n\n';
  }

  #chunk(choice: number, delta: string, finish = 'null'): string {
    return `${this.#before}{"index":${choice},"delta":${delta},"logprobs":null,"finish_reason":${finish}}${this.#after}`;
  }

  /** Id, type and name are sent once, with empty arguments; later deltas repeat only the index. */
  #toolDelta(part: ToolCallPart, text: string, isFirst: boolean): string {
    const [type, inputMember] = part.takesText ? ['custom', 'input'] : ['function', 'arguments'];
    const piece = `"${inputMember}":${JSON.stringify(text)}`;
    const name = isFirst ? `"name":${JSON.stringify(part.name)},` : '';
    const head = isFirst ? `"id":"${toolCallId(part.id)}","type":"${type}",` : '';
    return `{"tool_calls":[{"index":${this.#toolIndexes.get(part)},${head}"${type}":{${name}${piece}}}]}`;
  }

  #usageChunk(served: Usage): string {
    return `${this.#before}],"usage":${JSON.stringify(writeUsage(served))}}\n\n`;
  }
}

function hasNoContent(part: AnswerPart | undefined): boolean {
  return part?.kind === 'tool_call' || (part?.kind === 'text' && part.isRefusal === true);
}

function numberToolCalls(choices: readonly (readonly AnswerPart[])[]): ReadonlyMap<AnswerPart, number> {
  const indexes = new Map<AnswerPart, number>();
  for (const parts of choices) {
    const calls = parts.filter((part) => part.kind === 'tool_call');
    for (const [index, call] of calls.entries()) indexes.set(call, index);
  }
  return indexes;
}
