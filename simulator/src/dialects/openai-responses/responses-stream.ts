// Writes answers as events of a Responses stream: numbered from 0 without gaps, every item from its announcement to its end, and
// finally the whole response. There is no `[DONE]`.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerChoice, AnswerPart } from '../../engine/answers/answer.ts';
import type { Step } from '../../engine/answers/answer-cursor.ts';
import type { SpeechOptions, StreamVoice } from '../dialect.ts';
import { SERVER_ERROR_MESSAGE } from '../openai/server-error.ts';
import { closingEvents, deltaEvent, type EventBody, openingEvents } from './item-events.ts';
import { type OutputItem, outputItems, writeItem } from './output-items.ts';
import {
  FAILED,
  finishedState,
  IN_PROGRESS,
  type ResponseState,
  writeResponse,
  writeUsage,
} from './response-object.ts';
import type { ResponsesRequest } from './responses-request.ts';

/** The text common to all deltas of an item, serialised once: the event up to the number, and from there to the delta. */
interface DeltaFrame {
  before: string;
  after: string;
}

/** Padding fills a delta up to this many characters. */
const PADDED_CHARACTERS = 16;
const PADDING = 'lorem ipsum dolor';

export class ResponsesStreamVoice implements StreamVoice {
  readonly opensAtOnce = true;
  readonly #request: ResponsesRequest;
  readonly #options: SpeechOptions;
  readonly #choice: AnswerChoice;
  readonly #items: readonly OutputItem[];
  readonly #byPart: ReadonlyMap<AnswerPart, OutputItem>;
  readonly #opened = new Set<OutputItem>();
  /** Frame of the current item; null if it is not shown. */
  #frame: DeltaFrame | null = null;
  #sequence = 0;
  #served: Usage;

  constructor(request: ResponsesRequest, options: SpeechOptions) {
    const { identity, answer } = options;
    this.#request = request;
    this.#options = options;
    this.#choice = answer.choices[0]!;
    this.#items = outputItems(this.#choice, identity, request.providerName);
    this.#byPart = new Map(this.#items.map((item) => [item.part, item]));
    this.#served = answer.usage;
  }

  open(): string {
    return this.#lifecycle('response.created', IN_PROGRESS) + this.#lifecycle('response.in_progress', IN_PROGRESS);
  }

  step({ part, text, isFirstOfPart, isLastOfPart }: Step): string {
    const item = this.#byPart.get(part);
    if (item === undefined) return '';
    const opening = isFirstOfPart ? this.#openItem(item) : '';
    const delta = text === '' ? '' : this.#delta(text);
    return opening + delta + (isLastOfPart ? this.#events(closingEvents(item)) : '');
  }

  /** Writes items without text too, which had no step. */
  close(served: Usage): string {
    this.#served = served;
    const silent = this.#items.filter((item) => !this.#opened.has(item));
    return silent.map((item) => this.#openItem(item) + this.#events(closingEvents(item))).join('');
  }

  /** The last event is the terminator in this protocol. */
  terminate(): string {
    const output = this.#items.map((item) => writeItem(item, 'final'));
    const usage = this.#options.showsUsage ? writeUsage(this.#served) : null;
    const state = finishedState(this.#choice.finish, output, usage);
    return this.#lifecycle(`response.${state.status}`, state);
  }

  /** Flat, as in the specification. */
  fail(): string {
    return this.#event({ type: 'error', code: 'server_error', message: SERVER_ERROR_MESSAGE, param: null });
  }

  failAnswer(): string {
    return this.#lifecycle('response.failed', FAILED);
  }

  babble(): string {
    return 'event: response.output_text.delta\ndata: {"type":"response.output_text.del\n\n';
  }

  pause(): string {
    return ': keep-alive\n\n';
  }

  #openItem(item: OutputItem): string {
    this.#opened.add(item);
    this.#frame = frameDelta(item);
    return this.#events(openingEvents(item));
  }

  #delta(text: string): string {
    if (this.#frame === null) return '';
    const { before, after } = this.#frame;
    const padding = this.#request.padsDeltas ? `,"obfuscation":"${PADDING.slice(text.length, PADDED_CHARACTERS)}"` : '';
    return `${before}${this.#sequence++}${after}${JSON.stringify(text)}${padding}}\n\n`;
  }

  #lifecycle(type: string, state: ResponseState): string {
    return this.#event({ type, response: writeResponse(this.#request.echo, this.#options.identity, state) });
  }

  #events(events: readonly EventBody[]): string {
    return events.map((event) => this.#event(event)).join('');
  }

  #event({ type, ...members }: EventBody): string {
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: this.#sequence++, ...members })}\n\n`;
  }
}

function frameDelta(item: OutputItem): DeltaFrame | null {
  const event = deltaEvent(item);
  if (event === null) return null;
  const { type, ...members } = event;
  return {
    before: `event: ${type}\ndata: {"type":"${type}","sequence_number":`,
    after: `,${JSON.stringify(members).slice(1, -1)},"delta":`,
  };
}
