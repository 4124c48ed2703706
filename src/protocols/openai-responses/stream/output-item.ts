// One item of an output while it is written. Each kind of item has its own order of events
// (docs/reference/openai-responses.md section 5).
import type { TokenLogProbability } from '#src/contracts/answer.ts';
import type { Citation, Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';

/** What a part ends with. */
export interface PartEnd {
  signature?: Signature;
  isRedacted?: boolean;
}

export type ItemStatus = 'completed' | 'incomplete';

/**
 * Parts are started, get deltas and citations, and end; then the item is closed. An item appears on the wire with its
 * first content: one without content is closed without an event and gives null.
 */
export interface OutputItem {
  delta(delta: string, logProbabilities: readonly TokenLogProbability[]): string;
  cite(citation: Citation): void;
  endPart(end: PartEnd): string;
  /** Called once. The item is final then. */
  close(status: ItemStatus): { text: string; item: JsonObject | null };
}

/** The place of an item: its id and index are in every event that concerns it. */
export class ItemSlot {
  readonly id: string;
  readonly #index: number;
  readonly #log: EventLog;

  constructor(id: string, index: number, log: EventLog) {
    this.id = id;
    this.#index = index;
    this.#log = log;
  }

  added(item: JsonObject): string {
    return this.#log.write('response.output_item.added', { output_index: this.#index, item });
  }

  /** An event within the item. */
  inside(type: string, members: JsonObject): string {
    return this.#log.write(type, { item_id: this.id, output_index: this.#index, ...members });
  }

  done(item: JsonObject): string {
    return this.#log.write('response.output_item.done', { output_index: this.#index, item });
  }
}

// Writes events of one stream: numbered from 0 without a gap, as live streams are.
export class EventLog {
  #next: number;

  /** @param next first number, if another encoder, or a provider, began the stream. */
  constructor(next = 0) {
    this.#next = next;
  }

  write(type: string, members: JsonObject): string {
    return this.writeText(type, JSON.stringify(members).slice(1, -1));
  }

  /** `members` is the inside of a JSON object: costs are decimal texts that a parse and print would round. */
  writeText(type: string, members: string): string {
    return `event: ${type}\ndata: {"type":"${type}","sequence_number":${this.#next++},${members}}\n\n`;
  }
}
