// Writes unstreamed answers as messages; message-stream.ts writes streamed ones.
import { NO_USAGE } from '../../../../src/contracts/usage.ts';
import type { AnswerPart } from '../../engine/answers/answer.ts';
import type { BlockedAnswer, SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import {
  absentMembers,
  DIRECT,
  type Ending,
  endingOf,
  inputUsage,
  messageHead,
  OVERLOADED,
  outputUsage,
  REFUSED,
  shownThought,
  toolUseId,
  usageDetails,
} from './message-fields.ts';
import type { MessageRequest } from './message-request.ts';
import { MessageStreamVoice } from './message-stream.ts';
import { signThought } from './thought-signature.ts';

export class MessageVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'text/event-stream; charset=utf-8';
  readonly #request: MessageRequest;

  constructor(request: MessageRequest) {
    this.#request = request;
  }

  speakWhole(options: SpeechOptions): string {
    const { choices, usage } = options.answer;
    const [choice] = choices;
    const content = choice!.parts.flatMap((part) => writeBlock(part, this.#request));
    return this.#write(options, content, endingOf(choice!, usage.outputTokens, this.#request));
  }

  speakStream(options: SpeechOptions): StreamVoice {
    return new MessageStreamVoice(this.#request, options);
  }

  failWhole({ identity }: SpeechOptions): string {
    return JSON.stringify({ type: 'error', error: OVERLOADED, request_id: `req_${identity.unique}` });
  }

  /** A refusal before the first token is not billed, although its usage reports the prompt. */
  speakBlocked(options: SpeechOptions): BlockedAnswer {
    const usage = { ...options.answer.usage, outputTokens: 0, reasoningTokens: 0 };
    const silent: SpeechOptions = { ...options, answer: { choices: [{ parts: [], finish: 'content_filter' }], usage } };
    if (!this.#request.isStream) {
      return { contentType: this.wholeContentType, body: this.#write(silent, [], REFUSED), billed: NO_USAGE };
    }
    const stream = this.speakStream(silent);
    const body = stream.open() + stream.close(usage) + stream.terminate();
    return { contentType: this.streamContentType, body, billed: NO_USAGE };
  }

  #write({ identity, answer, showsUsage }: SpeechOptions, content: readonly object[], ending: Ending): string {
    const { usage } = answer;
    const counts = { ...inputUsage(usage), ...outputUsage(usage), ...usageDetails(this.#request, usage) };
    return JSON.stringify({
      ...messageHead(this.#request, identity),
      content,
      ...ending,
      ...(showsUsage ? { usage: counts } : {}),
      ...absentMembers(this.#request, 'container', 'diagnostics'),
    });
  }
}

function writeBlock(part: AnswerPart, request: MessageRequest): object[] {
  switch (part.kind) {
    case 'text':
      return part.text === '' ? [] : [{ type: 'text', text: part.text, ...absentMembers(request, 'citations') }];
    case 'reasoning': {
      const thinking = shownThought(part, request);
      if (thinking === null) return [];
      return [{ type: 'thinking', thinking, signature: signThought(request.model, thinking, part.text) }];
    }
    case 'tool_call':
      return [
        { type: 'tool_use', id: toolUseId(part.id), name: part.name, input: parseInput(part.input), caller: DIRECT },
      ];
    case 'image':
      return [];
  }
}

/** Input that was cut off has no value. */
function parseInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
