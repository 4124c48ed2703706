// A message of texts and refusals: output_item.added → (content_part.added → deltas → done → content_part.done)* →
// output_item.done.
import type { TokenLogProbability } from '#src/contracts/answer.ts';
import type { Citation } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { writeLogProbability } from '../events.ts';
import type { ItemSlot, ItemStatus, OutputItem } from './output-item.ts';

interface OpenContent {
  kind: 'text' | 'refusal';
  text: string;
  logProbabilities: TokenLogProbability[];
  citations: Citation[];
  /** Whether its first delta was written. */
  isWritten: boolean;
}

/** What a client has of an unfinished message: the beginning of a text, or nothing. */
export interface BegunMessage {
  /** As it was announced. */
  item: JsonObject;
  text: { text: string; logProbabilities: TokenLogProbability[] } | null;
}

export class MessageItem implements OutputItem {
  readonly #slot: ItemSlot;
  readonly #content: JsonObject[] = [];
  #open: OpenContent | null = null;
  #isWritten = false;
  /** Members of a message that another encoder, or the provider, announced. */
  readonly #announced: JsonObject;

  constructor(slot: ItemSlot, begun?: BegunMessage) {
    this.#slot = slot;
    this.#announced = begun?.item ?? {};
    this.#isWritten = begun !== undefined;
    if (begun?.text) this.#open = { kind: 'text', ...begun.text, citations: [], isWritten: true };
  }

  startPart(kind: 'text' | 'refusal'): void {
    this.#open = { kind, text: '', logProbabilities: [], citations: [], isWritten: false };
  }

  delta(delta: string, logProbabilities: readonly TokenLogProbability[]): string {
    const open = this.#open;
    if (open === null || delta === '') return '';
    const opening = this.#write(open);
    open.text += delta;
    open.logProbabilities.push(...logProbabilities);
    if (open.kind === 'refusal') return opening + this.#inside('response.refusal.delta', { delta });
    const logprobs = logProbabilities.map(writeLogProbability);
    return opening + this.#inside('response.output_text.delta', { delta, logprobs });
  }

  /** Held until the part ends: without a range, a citation supports the whole text. */
  cite(citation: Citation): void {
    this.#open?.citations.push(citation);
  }

  endPart(): string {
    const open = this.#open;
    this.#open = null;
    if (open === null || !open.isWritten) return '';
    const part = contentOf(open);
    const text = this.#annotations(part) + this.#done(part) + this.#inside('response.content_part.done', { part });
    this.#content.push(part);
    return text;
  }

  close(status: ItemStatus): { text: string; item: JsonObject | null } {
    if (!this.#isWritten) return { text: '', item: null };
    const item = this.#item(status, this.#content);
    return { text: this.#slot.done(item), item };
  }

  #write(open: OpenContent): string {
    if (open.isWritten) return '';
    open.isWritten = true;
    const item = this.#isWritten ? '' : this.#slot.added(this.#item('in_progress', []));
    this.#isWritten = true;
    return item + this.#inside('response.content_part.added', { part: contentOf(open) });
  }

  #annotations(part: JsonObject): string {
    const annotations = (part.annotations ?? []) as JsonObject[];
    return annotations
      .map((annotation, index) =>
        this.#inside('response.output_text.annotation.added', { annotation_index: index, annotation }),
      )
      .join('');
  }

  #done(part: JsonObject): string {
    if (part.type === 'refusal') return this.#inside('response.refusal.done', { refusal: part.refusal });
    return this.#inside('response.output_text.done', { text: part.text, logprobs: part.logprobs });
  }

  /** The open or just ended part is the next one of the content. */
  #inside(type: string, members: JsonObject): string {
    return this.#slot.inside(type, { content_index: this.#content.length, ...members });
  }

  #item(status: ItemStatus | 'in_progress', content: readonly JsonObject[]): JsonObject {
    return { ...this.#announced, id: this.#slot.id, type: 'message', status, role: 'assistant', content };
  }
}

function contentOf({ kind, text, citations, logProbabilities }: OpenContent): JsonObject {
  if (kind === 'refusal') return { type: 'refusal', refusal: text };
  return {
    type: 'output_text',
    text,
    annotations: citations.flatMap((citation) => annotationOf(citation, text.length)),
    logprobs: logProbabilities.map(writeLogProbability),
  };
}

/** Citations without a URL (a page of the client's own document) cannot be expressed in this protocol. */
function annotationOf({ url, title, startIndex, endIndex }: Citation, textLength: number): JsonObject[] {
  if (url === undefined) return [];
  const end = endIndex ?? textLength;
  return [{ type: 'url_citation', start_index: startIndex ?? 0, end_index: end, url, title: title ?? url }];
}
