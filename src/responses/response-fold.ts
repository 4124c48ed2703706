// A response put together from the events of its stream, as far as they have come: what a look at a running response
// shows, and what is kept of one that was broken off.
import type { JsonObject } from '../protocols/codec.ts';
import { isObject, objectOf, objectsOf, textOf } from '../protocols/openai-responses/loose-json.ts';
import { parseEvent, type ResponsesEvent, TERMINAL_TYPES } from '../protocols/openai-responses/wire.ts';
import { type SseEvent, SseSplitter } from '../protocols/sse-splitter.ts';

/** Delta event → where in its item the text stands. */
const DELTAS: Readonly<Record<string, (item: JsonObject, event: ResponsesEvent) => void>> = {
  'response.output_text.delta': (item, event) => append(partOf(item, 'content', event.content_index), 'text', event),
  'response.refusal.delta': (item, event) => append(partOf(item, 'content', event.content_index), 'refusal', event),
  'response.reasoning_text.delta': (item, event) => append(partOf(item, 'content', event.content_index), 'text', event),
  'response.reasoning_summary_text.delta': (item, event) =>
    append(partOf(item, 'summary', event.summary_index), 'text', event),
  'response.function_call_arguments.delta': (item, event) => append(item, 'arguments', event),
  'response.custom_tool_call_input.delta': (item, event) => append(item, 'input', event),
};

/** Part event → the list that the part stands in. */
const PARTS: Readonly<Record<string, readonly ['content' | 'summary', 'content_index' | 'summary_index']>> = {
  'response.content_part.added': ['content', 'content_index'],
  'response.content_part.done': ['content', 'content_index'],
  'response.reasoning_summary_part.added': ['summary', 'summary_index'],
  'response.reasoning_summary_part.done': ['summary', 'summary_index'],
};

export class ResponseFold {
  readonly #items = new Map<number, JsonObject>();
  #response: JsonObject | null = null;
  #lastSequence = -1;
  #error: JsonObject | null = null;
  #isWhole = false;

  /** The event that ended it before it was whole; null where there is none. */
  get error(): JsonObject | null {
    return this.#error;
  }

  /** Number of the last event; -1 before the first. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** What the provider's last event of the whole response said of it; null before the first. */
  get response(): JsonObject | null {
    return this.#response;
  }

  /** The provider said that this was all. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Items as far as they have come, in their order. */
  get output(): JsonObject[] {
    return [...this.#items.entries()].sort(([a], [b]) => a - b).map(([, item]) => item);
  }

  accept(event: SseEvent): void {
    const parsed = parseEvent(event);
    if (parsed !== null) this.#fold(parsed);
  }

  #fold(event: ResponsesEvent): void {
    if (event.type === 'error') {
      this.#error = event;
      return;
    }
    if (typeof event.sequence_number === 'number') this.#lastSequence = event.sequence_number;
    if (isObject(event.response)) this.#response = event.response;
    this.#isWhole ||= TERMINAL_TYPES.has(event.type);
    if (typeof event.output_index !== 'number') return;
    if (isObject(event.item)) this.#items.set(event.output_index, event.item);
    else this.#change(this.#items.get(event.output_index), event);
  }

  #change(item: JsonObject | undefined, event: ResponsesEvent): void {
    if (item === undefined) return;
    const type = textOf(event.type);
    DELTAS[type]?.(item, event);
    const place = PARTS[type];
    if (place === undefined || !isObject(event.part)) return;
    const [list, index] = place;
    const parts = objectsOf(item[list]);
    parts[numberOf(event[index])] = event.part;
    item[list] = parts;
  }
}

/** Of a stream's bytes so far; an event that is cut off is left out. */
export function foldStream(bytes: Buffer): ResponseFold {
  const fold = new ResponseFold();
  for (const event of new SseSplitter().push(bytes)) fold.accept(event);
  return fold;
}

function partOf(item: JsonObject, list: 'content' | 'summary', index: unknown): JsonObject {
  return objectOf(objectsOf(item[list])[numberOf(index)]);
}

function append(target: JsonObject, member: string, event: ResponsesEvent): void {
  target[member] = textOf(target[member]) + textOf(event.delta);
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
