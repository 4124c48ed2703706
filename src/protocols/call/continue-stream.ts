// Resumes an answer mid-stream, after its client has seen a part of it. The provider either was given that part and
// continues it (`prefill`), or starts over and only what follows that part is passed on (`repeat`). A different beginning
// ends the attempt before the client sees anything of it.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { AnswerDecoder, AnswerEncoder, Received, ResumedStream } from '../codec.ts';
import { editObject, isObjectBytes, memberBytes } from '../wire/json-object.ts';
import { replaceData, type SseEvent, SseSplitter } from '../wire/sse-splitter.ts';

export type ContinueMode = 'prefill' | 'repeat';

/** Reduces the events of the new attempt to those that the client does not have yet. Single choice only. */
export class ContinuingDecoder implements AnswerDecoder {
  readonly #decoder: AnswerDecoder;
  readonly #resumed: ResumedStream;
  /** What the provider still has to repeat. */
  #expected: string;
  /** The new stream's text part that continues the one that was open; null until it begins. */
  #textPart: number | null = null;
  #hasDiffered = false;
  /** Includes text that only repeats what the client has. */
  readonly received: Received = { hasStarted: false, outputBytes: 0 };

  constructor(decoder: AnswerDecoder, resumed: ResumedStream, mode: ContinueMode) {
    this.#decoder = decoder;
    this.#resumed = resumed;
    this.#expected = mode === 'repeat' ? resumed.text : '';
  }

  get heldFinishes(): number {
    return this.#expected === '' ? (this.#decoder.heldFinishes ?? 0) : 0;
  }

  decode(event: SseEvent): AnswerEvent[] {
    return this.#translate(this.#decoder.decode(event));
  }

  close(): AnswerEvent[] {
    return this.#translate(this.#decoder.close());
  }

  #translate(events: readonly AnswerEvent[]): AnswerEvent[] {
    const translated: AnswerEvent[] = [];
    for (const event of events) {
      this.received.hasStarted = true;
      if (event.kind === 'part-delta') this.received.outputBytes += Buffer.byteLength(event.delta);
      if (!this.#hasDiffered) translated.push(...this.#missing(event));
    }
    return translated;
  }

  #missing(event: AnswerEvent): AnswerEvent[] {
    switch (event.kind) {
      case 'answer-start':
        return [];
      case 'part-start':
        return this.#start(event);
      case 'part-delta':
        return this.#delta(event);
      case 'part-end':
      case 'part-citation':
      case 'part-whole':
        return this.#isBeforeText(event.part) ? [] : [{ ...event, part: this.#numbered(event.part) }];
      case 'finish':
        return this.#expected === '' ? [event] : this.#differ();
      default:
        return [event];
    }
  }

  #start(event: Extract<AnswerEvent, { kind: 'part-start' }>): AnswerEvent[] {
    if (this.#textPart === null) {
      // New reasoning is not relayed, because the client has that of the first attempt.
      if (event.start.kind === 'reasoning') return [];
      if (event.start.kind === 'text') {
        this.#textPart = event.part;
        return this.#resumed.isOpen ? [] : [{ ...event, part: this.#resumed.part }];
      }
      if (this.#expected !== '' || this.#resumed.isOpen) return this.#differ();
      this.#textPart = event.part;
    }
    if (this.#expected !== '') return this.#differ();
    return [{ ...event, part: this.#numbered(event.part) }];
  }

  #delta(event: Extract<AnswerEvent, { kind: 'part-delta' }>): AnswerEvent[] {
    if (this.#isBeforeText(event.part)) return [];
    const repeated = Math.min(this.#expected.length, event.delta.length);
    if (event.delta.slice(0, repeated) !== this.#expected.slice(0, repeated)) return this.#differ();
    this.#expected = this.#expected.slice(repeated);
    const delta = event.delta.slice(repeated);
    if (delta === '') return [];
    // Dropped if part of this delta is a repetition: the client already has log probabilities for those tokens.
    const { logProbabilities, ...rest } = event;
    const kept = repeated === 0 && logProbabilities !== undefined ? { logProbabilities } : {};
    return [{ ...rest, ...kept, delta, part: this.#numbered(event.part) }];
  }

  #isBeforeText(part: number): boolean {
    return this.#textPart === null || part < this.#textPart;
  }

  #numbered(part: number): number {
    return this.#resumed.part + part - this.#textPart!;
  }

  #differ(): AnswerEvent[] {
    this.#hasDiffered = true;
    return [{ kind: 'error', failure: DIFFERS }];
  }
}

const DIFFERS: Failure = createFailure(
  'upstream_answer_differs',
  'The provider that was asked to resume a broken answer gave a different one.',
);

/** Marks the event that carries the cost: the answer was assembled from several attempts. */
export function markRescued(encoder: AnswerEncoder, attempts: number): AnswerEncoder {
  return {
    encode: (event) => encoder.encode(event),
    end: (usage, shown) => markText(encoder.end(usage, shown), attempts),
  };
}

function markText(text: string, attempts: number): string {
  const splitter = new SseSplitter();
  const events = splitter.push(Buffer.from(text));
  const rest = splitter.end();
  const marked = events.map((event) => markEvent(event, attempts));
  return Buffer.concat([...marked, ...(rest === null ? [] : [rest.raw])]).toString();
}

function markEvent(event: SseEvent, attempts: number): Buffer {
  const data = Buffer.from(event.data ?? '');
  if (!isObjectBytes(data) || memberBytes(data, 'cost') === null) return event.raw;
  const mark = JSON.stringify({ rescued: true, attempts });
  return replaceData(event, editObject(data, { set: new Map([['x_sluice', mark]]) }));
}
