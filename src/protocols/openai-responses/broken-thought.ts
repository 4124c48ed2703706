// Reasoning that broke off under a client's eyes: ended with what the client has of it, before the answer goes on. Its
// provider never signed it, so it must not be sent back as if.
import type { JsonObject } from '../codec.ts';
import type { ItemSlot, OutputItem } from './output-item.ts';
import { UNSIGNED } from './signature-carrier.ts';

/** One part of a summary, as far as it has come. */
export interface BegunSummary {
  text: string;
  isTextDone: boolean;
  isDone: boolean;
}

export class BrokenThought implements OutputItem {
  readonly #slot: ItemSlot;
  readonly #announced: JsonObject;
  readonly #summary: readonly BegunSummary[];

  constructor(slot: ItemSlot, announced: JsonObject, summary: readonly BegunSummary[]) {
    this.#slot = slot;
    this.#announced = announced;
    this.#summary = summary;
  }

  delta(): string {
    return '';
  }

  cite(): void {}

  endPart(): string {
    return '';
  }

  close(): { text: string; item: JsonObject } {
    const summary = this.#summary.map(({ text }) => ({ type: 'summary_text', text }));
    const item = { ...this.#announced, summary, encrypted_content: UNSIGNED };
    const endings = this.#summary.map((part, index) => this.#ending(part, index));
    return { text: endings.join('') + this.#slot.done(item), item };
  }

  #ending({ text, isTextDone, isDone }: BegunSummary, index: number): string {
    const at = { summary_index: index };
    const part = { type: 'summary_text', text };
    const ended = isTextDone ? '' : this.#slot.inside('response.reasoning_summary_text.done', { ...at, text });
    const done = isDone ? '' : this.#slot.inside('response.reasoning_summary_part.done', { ...at, part });
    return ended + done;
  }
}
