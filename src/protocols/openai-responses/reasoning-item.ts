// Reasoning, shown as a summary of one part: output_item.added → reasoning_summary_part.added → deltas → done →
// part.done → output_item.done. The signature is in the finished item only, which is the one to send back.
import type { JsonObject } from '../codec.ts';
import type { ItemSlot, OutputItem, PartEnd } from './output-item.ts';
import { UNSIGNED, writeEncryptedContent } from './signature-carrier.ts';

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
