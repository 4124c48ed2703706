// Reads the events of one output item. Parts are started by their first content, not by the events that announce them,
// and ended by the finished item, which fills in what was not streamed: gateways leave out what they like.
import type { AnswerEvent, PartStart } from '#src/contracts/answer.ts';
import type { Part, Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { objectOf, textOf } from '#src/protocols/wire/loose-json.ts';
import { callOf, partsOfItem } from '../answer/decode-answer.ts';
import { type ResponsesEvent, readLogProbabilities } from '../events.ts';
import { REASONING_SEPARATOR } from '../reasoning.ts';
import { decodeAnnotation } from '../request/decode-content.ts';

interface StreamedPart {
  number: number;
  kind: PartStart['kind'];
  text: string;
  citations: number;
  isEnded: boolean;
}

/** Numbers that run over all items of an answer. */
export interface PartNumbers {
  nextPart(): number;
  /** An id for a call to which the provider gave none. */
  nextCallId(): string;
}

export class ItemReader {
  readonly #numbers: PartNumbers;
  /** As it was announced. */
  #item: JsonObject = {};
  /** By place in the item's content as it was streamed; reasoning and calls have one part, 0. */
  readonly #parts = new Map<number, StreamedPart>();
  #openPlace: number | null = null;
  /** Reasoning comes as a summary or as the text itself. Where a provider sends both, what comes first is read. */
  #reasoning: { source: 'summary' | 'text'; index: unknown } | null = null;

  constructor(numbers: PartNumbers) {
    this.#numbers = numbers;
  }

  get isMessage(): boolean {
    return this.#item.type === 'message';
  }

  read(event: ResponsesEvent): AnswerEvent[] {
    switch (event.type) {
      case 'response.output_item.added':
        return this.#announce(objectOf(event.item));
      case 'response.output_text.delta':
        return this.#content(event, { kind: 'text' });
      case 'response.refusal.delta':
        return this.#content(event, { kind: 'refusal' });
      case 'response.output_text.annotation.added':
        return this.#cite(event);
      case 'response.content_part.done':
        return this.#endContent(event);
      case 'response.reasoning_summary_text.delta':
        return this.#reason('summary', event.summary_index, textOf(event.delta));
      case 'response.reasoning_text.delta':
        return this.#reason('text', event.content_index, textOf(event.delta));
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        return this.#openPlace === null ? [] : this.#delta(0, textOf(event.delta));
      default:
        return [];
    }
  }

  /** The item has ended. `item` is its final form, null where the provider left it out. */
  end(item: JsonObject | null): AnswerEvent[] {
    const parts = item === null ? [] : partsOfItem(item);
    const left = new Set(this.#parts.values());
    const events = parts.flatMap((part, place) => (part === null ? [] : this.#complete(place, part, left)));
    return [...events, ...this.#endOpen()];
  }

  #announce(item: JsonObject): AnswerEvent[] {
    this.#item = item;
    const isCall = item.type === 'function_call' || item.type === 'custom_tool_call';
    // A call without a name may still get it at its end.
    return isCall && textOf(item.name).trim() !== '' ? this.#open(0, this.#startOf(callOf(item))) : [];
  }

  #content(event: ResponsesEvent, start: PartStart): AnswerEvent[] {
    const place = placeOf(event);
    const delta = textOf(event.delta);
    const logProbabilities = readLogProbabilities(event.logprobs);
    if (delta === '' && logProbabilities.length === 0) return [];
    return [...this.#open(place, start), ...this.#delta(place, delta, logProbabilities)];
  }

  #cite(event: ResponsesEvent): AnswerEvent[] {
    const place = placeOf(event);
    const streamed = this.#parts.get(place);
    const [citation] = decodeAnnotation(objectOf(event.annotation));
    if (citation === undefined || streamed === undefined || streamed.isEnded) return [];
    streamed.citations++;
    return [{ kind: 'part-citation', choice: 0, part: streamed.number, citation }];
  }

  #endContent(event: ResponsesEvent): AnswerEvent[] {
    const [part] = partsOfItem({ type: 'message', content: [event.part] });
    const place = placeOf(event);
    if (!part || this.#parts.get(place)?.isEnded) return [];
    const open = this.#openPlace === null ? undefined : this.#parts.get(this.#openPlace)!;
    // Which part has ended is only known at the end of the item.
    if (open !== undefined && this.#openPlace !== place && !textOfPart(part).startsWith(open.text)) return [];
    return this.#complete(place, part, new Set(open === undefined ? [] : [open]));
  }

  #reason(source: 'summary' | 'text', index: unknown, delta: string): AnswerEvent[] {
    this.#reasoning ??= { source, index };
    if (this.#reasoning.source !== source || delta === '') return [];
    const isNext = this.#reasoning.index !== index;
    this.#reasoning.index = index;
    const id = textOf(this.#item.id);
    const opening = this.#open(0, { kind: 'reasoning', ...(id === '' ? {} : { id }) });
    return [...opening, ...this.#delta(0, isNext ? REASONING_SEPARATOR + delta : delta)];
  }

  /**
   * Finds the streamed part of a finished part, and removes it from `left`. Some providers number parts differently while they
   * stream (Bedrock's Mantle counts from 1, 2026) or clean up their texts, and no text may be sent twice: takes the part at the
   * same index if the texts agree, else one whose text agrees, else any of the same kind.
   */
  #takeStreamed(place: number, part: Part, left: Set<StreamedPart>): StreamedPart | undefined {
    const full = textOfPart(part);
    const sameKind = [...first(left, MAX_COMPARED)].filter(({ kind }) => kind === part.kind);
    const here = this.#parts.get(place);
    const isHere = here !== undefined && left.has(here) && here.kind === part.kind;
    const streamed =
      (isHere && full.startsWith(here.text) ? here : undefined) ??
      sameKind.find(({ text }) => text !== '' && full.startsWith(text)) ??
      (isHere ? here : sameKind[0]);
    if (streamed !== undefined) left.delete(streamed);
    return streamed;
  }

  /** The rest of the finished part that was not streamed, and its end. */
  #complete(place: number, part: Part, left: Set<StreamedPart>): AnswerEvent[] {
    const streamed = this.#takeStreamed(place, part, left);
    if (streamed?.isEnded) return [];
    if (part.kind === 'image') {
      return [...this.#endOpen(), { kind: 'part-whole', choice: 0, part: this.#numbers.nextPart(), value: part }];
    }
    if (streamed === undefined && isBlank(part)) return [];
    const at = streamed === undefined ? this.#freePlace(place) : this.#openPlace!;
    const events = streamed === undefined ? this.#open(at, this.#startOf(part)) : [];
    const current = this.#parts.get(at)!;
    const full = textOfPart(part);
    if (full.startsWith(current.text)) events.push(...this.#delta(at, full.slice(current.text.length)));
    const citations = part.kind === 'text' ? (part.citations ?? []).slice(current.citations) : [];
    for (const citation of citations) events.push({ kind: 'part-citation', choice: 0, part: current.number, citation });
    return [...events, ...this.#endOpen(part.kind === 'reasoning' ? part.signature : undefined)];
  }

  /** A free index for a part that was not streamed, as its own may be taken by one that was. */
  #freePlace(place: number): number {
    return this.#parts.has(place) ? -1 - this.#parts.size : place;
  }

  #open(place: number, start: PartStart): AnswerEvent[] {
    if (this.#parts.has(place)) return [];
    const ending = this.#endOpen();
    const part = { number: this.#numbers.nextPart(), kind: start.kind, text: '', citations: 0, isEnded: false };
    this.#parts.set(place, part);
    this.#openPlace = place;
    return [...ending, { kind: 'part-start', choice: 0, part: part.number, start }];
  }

  #delta(place: number, delta: string, logProbabilities: ReturnType<typeof readLogProbabilities> = []): AnswerEvent[] {
    const part = this.#parts.get(place)!;
    if (part.isEnded || (delta === '' && logProbabilities.length === 0)) return [];
    part.text += delta;
    const more = logProbabilities.length > 0 ? { logProbabilities } : {};
    return [{ kind: 'part-delta', choice: 0, part: part.number, delta, ...more }];
  }

  #endOpen(signature?: Signature): AnswerEvent[] {
    if (this.#openPlace === null) return [];
    const part = this.#parts.get(this.#openPlace)!;
    this.#openPlace = null;
    part.isEnded = true;
    return [{ kind: 'part-end', choice: 0, part: part.number, ...(signature === undefined ? {} : { signature }) }];
  }

  #startOf(part: Part): PartStart {
    switch (part.kind) {
      case 'tool-call': {
        const { name, namespace, isCustom } = part;
        return {
          kind: 'tool-call',
          id: part.id || this.#numbers.nextCallId(),
          name,
          ...(namespace === undefined ? {} : { namespace }),
          ...(isCustom ? { isCustom } : {}),
        };
      }
      case 'reasoning':
        return { kind: 'reasoning', ...(part.id === undefined ? {} : { id: part.id }) };
      case 'refusal':
        return { kind: 'refusal' };
      default:
        return { kind: 'text' };
    }
  }
}

/** More parts than any real item has: a provider must not be able to cause quadratic work. */
const MAX_COMPARED = 32;

function* first<T>(values: Iterable<T>, count: number): Generator<T> {
  let seen = 0;
  for (const value of values) {
    if (seen++ >= count) return;
    yield value;
  }
}

function placeOf(event: ResponsesEvent): number {
  return typeof event.content_index === 'number' ? event.content_index : 0;
}

function textOfPart(part: Part): string {
  if (part.kind === 'tool-call') return part.arguments;
  return part.kind === 'text' || part.kind === 'refusal' || part.kind === 'reasoning' ? part.text : '';
}

function isBlank(part: Part): boolean {
  return (part.kind === 'text' || part.kind === 'refusal') && part.text === '';
}
