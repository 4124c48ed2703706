// Finds the tool call that a delta belongs to. OpenAI identifies calls by index; other providers leave it out, give every call
// index 0 with a different id (Ollama), or send whole calls without either (Gemini's older OpenAI endpoint). One per choice.
import { isJson } from '../../wire/event-data.ts';
import type { ReadCall } from '../chunk.ts';

export interface CallSlot {
  /** Number of the call in its choice, from 0. */
  ordinal: number;
  /** The index sent to the client: the provider's, if that is free. */
  index: number;
  /** As the provider gave it in the first delta; may be empty. */
  id: string;
  name: string;
  arguments: CallArguments;
}

export class CallSlots {
  readonly #slots: CallSlot[] = [];
  /** By the provider's index; if several calls share one, the latest. */
  readonly #byIndex = new Map<number, CallSlot>();

  /** The slot that the delta adds to, opened if necessary. Also records the arguments, so call it once per delta. */
  take(call: ReadCall): { slot: CallSlot; isNew: boolean } {
    const known = this.#find(call);
    const isNew = known === undefined || startsAnother(call, known);
    const slot = isNew ? this.#open(call) : known;
    slot.arguments.add(call.arguments);
    return { slot, isNew };
  }

  #find(call: ReadCall): CallSlot | undefined {
    if (call.index !== null) return this.#byIndex.get(call.index);
    const sameId = call.id === '' ? undefined : this.#slots.find((slot) => slot.id === call.id);
    return sameId ?? this.#slots.at(-1);
  }

  #open(call: ReadCall): CallSlot {
    const isFree = call.index !== null && !this.#slots.some((slot) => slot.index === call.index);
    const index = isFree ? call.index! : 1 + Math.max(-1, ...this.#slots.map((slot) => slot.index));
    const slot = { ordinal: this.#slots.length, index, id: call.id, name: call.name, arguments: new CallArguments() };
    this.#slots.push(slot);
    if (call.index !== null) this.#byIndex.set(call.index, slot);
    return slot;
  }
}

/**
 * Different ids are different calls. Without ids, a name starts a call unless it may belong to the same call: some providers
 * repeat the name in every delta, or send it in pieces.
 */
function startsAnother(call: ReadCall, known: CallSlot): boolean {
  if (call.id !== '' && known.id !== '') return call.id !== known.id;
  if (call.name === '') return false;
  if (call.index === null && call.name !== known.name) return true;
  return known.arguments.areWhole && (call.arguments !== '' || call.id !== '');
}

/**
 * The arguments of one call as they arrive. Completeness is checked at each delta at little cost: every character is read
 * once, and the text is parsed once, when its outermost brace closes.
 */
export class CallArguments {
  #text = '';
  #unread = '';
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  #state: 'open' | 'closed' | 'broken' = 'open';

  add(delta: string): void {
    this.#unread += delta;
  }

  /** True once they are a complete JSON object. */
  get areWhole(): boolean {
    const unread = this.#unread;
    this.#unread = '';
    for (let at = 0; at < unread.length && this.#state !== 'broken'; at++) this.#read(unread, at);
    if (this.#state === 'open') this.#text += unread;
    return this.#state === 'closed';
  }

  #read(unread: string, at: number): void {
    const char = unread[at]!;
    if (this.#isInString) return this.#readInString(char);
    if (this.#state === 'closed' || this.#depth === 0) {
      if (JSON_SPACE.has(char)) return;
      if (this.#state === 'closed' || char !== '{') {
        this.#state = 'broken';
        return;
      }
    }
    if (char === '"') this.#isInString = true;
    else if (char === '{' || char === '[') this.#depth++;
    else if ((char === '}' || char === ']') && --this.#depth === 0) this.#close(this.#text + unread.slice(0, at + 1));
  }

  #readInString(char: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (char === '\\') this.#isEscaped = true;
    else if (char === '"') this.#isInString = false;
  }

  #close(text: string): void {
    this.#state = isJson(text) ? 'closed' : 'broken';
    this.#text = '';
  }
}

const JSON_SPACE = new Set([' ', '\t', '\n', '\r']);
