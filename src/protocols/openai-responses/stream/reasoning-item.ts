// Reasoning, shown as a summary of one part: output_item.added → reasoning_summary_part.added → deltas → done →
// part.done → output_item.done. The signature is in the finished item only, which is the one to send back.
import type { JsonObject } from '#src/protocols/codec.ts';
import { UNSIGNED, writeEncryptedContent } from '../reasoning.ts';
import type { ItemSlot, OutputItem, PartEnd } from './output-item.ts';

/** All of the text is one part of the summary. */
const PART = { summary_index: 0 };

export class ReasoningItem implements OutputItem {
  readonly #slot: ItemSlot;
  #text = '';
  #encrypted: string | null = null;

  constructor(slot: ItemSlot) {
    this.#slot = slot;
  }

  delta(delta: string): string {
    if (delta === '') return '';
    const opening = this.#text === '' ? this.#writeOpening() : '';
    this.#text += delta;
    return opening + this.#slot.inside('response.reasoning_summary_text.delta', { ...PART, delta });
  }

  cite(): void {}

  endPart({ signature, isRedacted }: PartEnd): string {
    if (signature !== undefined) {
      this.#encrypted = writeEncryptedContent(signature, isRedacted === true ? 'redacted' : 'reasoning');
    }
    if (this.#text === '') return '';
    this.#encrypted ??= UNSIGNED;
    return (
      this.#slot.inside('response.reasoning_summary_text.done', { ...PART, text: this.#text }) +
      this.#slot.inside('response.reasoning_summary_part.done', { ...PART, part: summaryPart(this.#text) })
    );
  }

  close(): { text: string; item: JsonObject | null } {
    if (this.#text === '' && this.#encrypted === null) return { text: '', item: null };
    const item = reasoningItem(this.#slot.id, this.#text, this.#encrypted);
    const opening = this.#text === '' ? this.#slot.added(reasoningItem(this.#slot.id, '', null)) : '';
    return { text: opening + this.#slot.done(item), item };
  }

  #writeOpening(): string {
    return (
      this.#slot.added(reasoningItem(this.#slot.id, '', null)) +
      this.#slot.inside('response.reasoning_summary_part.added', { ...PART, part: summaryPart('') })
    );
  }
}

function summaryPart(text: string): JsonObject {
  return { type: 'summary_text', text };
}

export function reasoningItem(id: string, text: string, encrypted: string | null): JsonObject {
  const summary = text === '' ? [] : [summaryPart(text)];
  return { id, type: 'reasoning', summary, ...(encrypted === null ? {} : { encrypted_content: encrypted }) };
}

// Reasoning that was cut off mid-stream is ended, with the text that the client has, before the answer resumes. It has no
// signature, so it is marked as unsigned and not sent back.

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
