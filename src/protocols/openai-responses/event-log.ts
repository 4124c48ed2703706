// Writes events of one stream: numbered from 0 without a gap, as live streams are.
import type { JsonObject } from '../codec.ts';

export class EventLog {
  #next: number;

  /** `next`: where another encoder, or a provider, began the stream. */
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
