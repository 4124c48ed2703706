// Answers as Messages events. Blocks follow each other. A token costs two concatenations and the escaping of its own
// characters.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerPart } from '../../engine/answers/answer.ts';
import type { Step } from '../../engine/answers/answer-cursor.ts';
import type { SpeechOptions, StreamVoice } from '../dialect.ts';
import {
  absentMembers,
  DIRECT,
  endingOf,
  inputUsage,
  messageHead,
  OVERLOADED,
  outputUsage,
  type ReasoningPart,
  shownThought,
  toolUseId,
  usageDetails,
} from './message-fields.ts';
import type { MessageRequest } from './message-request.ts';
import { signThought } from './thought-signature.ts';

const PING = 'event: ping\ndata: {"type": "ping"}\n\n';

export class MessageStreamVoice implements StreamVoice {
  readonly #request: MessageRequest;
  readonly #options: SpeechOptions;
  /** Index of the current block; thoughts that are not part of the answer have none. */
  #index = -1;

  constructor(request: MessageRequest, options: SpeechOptions) {
    this.#request = request;
    this.#options = options;
  }

  open(): string {
    const { identity, answer, showsUsage } = this.#options;
    const request = this.#request;
    // The provider counts a token before it has sent one, except for a refusal.
    const outputTokens = Math.min(1, answer.usage.outputTokens);
    const counts = { ...inputUsage(answer.usage), output_tokens: outputTokens, ...usageDetails(request, answer.usage) };
    const message = {
      ...messageHead(request, identity),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      ...(showsUsage ? { usage: counts } : {}),
      ...absentMembers(request, 'container', 'diagnostics'),
    };
    return event('message_start', { message }) + PING;
  }

  step(step: Step): string {
    const block = step.isFirstOfPart ? emptyBlock(step.part, this.#request) : null;
    if (block !== null) this.#index += 1;
    const start = block === null ? '' : event('content_block_start', { index: this.#index, content_block: block });
    const deltas = this.#say(step);
    const isOver = step.isLastOfPart && deltas !== null;
    return start + (deltas ?? '') + (isOver ? event('content_block_stop', { index: this.#index }) : '');
  }

  close(served: Usage): string {
    const [choice] = this.#options.answer.choices;
    const { stop_reason, stop_sequence, stop_details } = endingOf(choice!, served.outputTokens, this.#request);
    const delta = { stop_reason, stop_sequence, stop_details, ...absentMembers(this.#request, 'container') };
    const usage = this.#options.showsUsage ? { usage: { ...inputUsage(served), ...outputUsage(served) } } : {};
    return event('message_delta', { delta, ...usage });
  }

  terminate(): string {
    return event('message_stop', {});
  }

  fail(): string {
    return event('error', { error: OVERLOADED, request_id: `req_${this.#options.identity.unique}` });
  }

  babble(): string {
    return 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n';
  }

  pause(): string {
    return PING;
  }

  /** Null for a step that is not part of this answer. */
  #say({ part, text, isLastOfPart }: Step): string | null {
    switch (part.kind) {
      case 'text':
        return this.#delta('text_delta', 'text', text);
      case 'reasoning':
        return this.#think(part, text, isLastOfPart);
      case 'tool_call':
        return this.#delta('input_json_delta', 'partial_json', text);
      case 'image':
        return null;
    }
  }

  /** For omitted thoughts, only the signature is sent. */
  #think(part: ReasoningPart, text: string, isLast: boolean): string | null {
    const shown = shownThought(part, this.#request);
    if (shown === null) return null;
    const said = shown === '' ? '' : this.#delta('thinking_delta', 'thinking', text);
    if (!isLast) return said;
    return said + this.#delta('signature_delta', 'signature', signThought(this.#request.model, shown, part.text));
  }

  #delta(type: string, member: string, text: string): string {
    const delta = `{"type":"${type}","${member}":${JSON.stringify(text)}}`;
    return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${this.#index},"delta":${delta}}\n\n`;
  }
}

/** A block at its start; null for a part that is not shown in this answer. */
function emptyBlock(part: AnswerPart, request: MessageRequest): object | null {
  switch (part.kind) {
    case 'text':
      return { type: 'text', text: '', ...absentMembers(request, 'citations') };
    case 'reasoning':
      return shownThought(part, request) === null ? null : { type: 'thinking', thinking: '', signature: '' };
    case 'tool_call':
      return { type: 'tool_use', id: toolUseId(part.id), name: part.name, input: {}, caller: DIRECT };
    case 'image':
      return null;
  }
}

function event(type: string, members: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;
}
