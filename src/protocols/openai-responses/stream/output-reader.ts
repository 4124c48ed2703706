// Reads the output of a stream, item after item. Items may overlap on the wire (gateways that fan out parallel calls), but
// not in canonical form: events of another item wait until the current one has ended.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { callIdFor, type DecodeContext, type JsonObject } from '#src/protocols/codec.ts';
import { isObject, objectOf } from '#src/protocols/wire/loose-json.ts';
import type { ResponsesEvent } from '../events.ts';
import { ItemReader, type PartNumbers } from './item-reader.ts';

export class OutputReader implements PartNumbers {
  readonly #context: DecodeContext;
  #current: { index: number; reader: ItemReader } | null = null;
  /** Places of items that the provider has announced. */
  readonly #announced = new Set<number>();
  #waiting: ResponsesEvent[] = [];
  /** Items that have ended; later events for them are ignored. */
  readonly #ended = new Set<number>();
  #parts = 0;
  #calls = 0;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  nextPart(): number {
    return this.#parts++;
  }

  nextCallId(): string {
    return callIdFor(this.#context, this.#calls++);
  }

  /** Events without an `output_index` are ignored. */
  read(event: ResponsesEvent): AnswerEvent[] {
    if (typeof event.output_index !== 'number') return [];
    const index = this.#placeOf(event, event.output_index);
    if (this.#ended.has(index)) return [];
    if (event.type === 'response.output_item.added') this.#announced.add(index);
    this.#current ??= { index, reader: new ItemReader(this) };
    if (this.#current.index !== index) {
      this.#waiting.push(event);
      return [];
    }
    if (event.type !== 'response.output_item.done') return this.#current.reader.read(event);
    return [...this.#end(objectOf(event.item)), ...this.#readWaiting()];
  }

  /** Message events for an unannounced index belong to the announced message: they are one text, not two. */
  #placeOf(event: ResponsesEvent, index: number): number {
    const current = this.#current;
    if (current === null || !this.#announced.has(current.index) || !current.reader.isMessage) return index;
    const isOfMessage = MESSAGE_EVENTS.has(event.type) || objectOf(event.item).type === 'message';
    const isAnnouncement = event.type === 'response.output_item.added';
    return isOfMessage && !isAnnouncement && !this.#announced.has(index) ? current.index : index;
  }

  /** Called at the end of the answer. @param output the finished items; empty if the provider leaves them out. */
  end(output: readonly unknown[]): AnswerEvent[] {
    if (this.#current === null && this.#ended.size === 0) return output.flatMap((item) => this.#readWhole(item));
    const events: AnswerEvent[] = [];
    while (this.#current !== null) {
      const item = output[this.#current.index];
      events.push(...this.#end(isObject(item) ? item : null), ...this.#readWaiting());
    }
    return events;
  }

  #readWhole(item: unknown): AnswerEvent[] {
    return isObject(item) ? new ItemReader(this).end(item) : [];
  }

  #end(item: JsonObject | null): AnswerEvent[] {
    const { index, reader } = this.#current!;
    this.#current = null;
    this.#ended.add(index);
    return reader.end(item);
  }

  #readWaiting(): AnswerEvent[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting.flatMap((event) => this.read(event));
  }
}

const MESSAGE_EVENTS: ReadonlySet<unknown> = new Set(
  [
    ...['output_text.delta', 'output_text.done', 'output_text.annotation.added'],
    ...['refusal.delta', 'refusal.done', 'content_part.added', 'content_part.done'],
  ].map((type) => `response.${type}`),
);
