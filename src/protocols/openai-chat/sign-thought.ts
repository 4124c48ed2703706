// Thoughts of a chat provider on their way through a client of another protocol, and back (translate/signatures.ts).
import type { Part, Signature } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { type AnswerSource, isFrom, readThought, signThought, type ThoughtMember } from '../translate/signatures.ts';
import type { ChatDelta } from './chunk.ts';
import { thoughtMember } from './read-content.ts';
import { isObject } from './request-fields.ts';

/** Reads the deltas of one choice, or its message. */
export class ThoughtSigner {
  readonly #source: AnswerSource | undefined;
  #member: ThoughtMember | null = null;
  readonly #details: JsonObject[] = [];

  constructor(source: AnswerSource | undefined) {
    this.#source = source;
  }

  read(delta: ChatDelta): void {
    this.#member ??= thoughtMember(delta);
    if (!Array.isArray(delta.reasoning_details)) return;
    for (const detail of delta.reasoning_details) if (isObject(detail)) this.#addDetail(detail);
  }

  /** Undefined where the provider has no member for thoughts, or nobody will send them back. */
  sign(): Signature | undefined {
    const hasDetails = this.#details.length > 0;
    if (this.#source === undefined || (this.#member === null && !hasDetails)) return undefined;
    const member = this.#member ?? 'reasoning';
    return signThought({ ...this.#source, member, ...(hasDetails ? { details: [...this.#details] } : {}) });
  }

  /** OpenRouter streams a detail in pieces that share its index and its type. */
  #addDetail(detail: JsonObject): void {
    const last = this.#details.at(-1);
    const goesOn = last !== undefined && last.index === detail.index && last.type === detail.type;
    if (!goesOn || detail.index === undefined) {
      this.#details.push({ ...detail });
      return;
    }
    for (const [name, value] of Object.entries(detail)) {
      const isPiece = (name === 'text' || name === 'summary' || name === 'data') && typeof value === 'string';
      if (isPiece) last[name] = (typeof last[name] === 'string' ? last[name] : '') + value;
      else if (value !== null) last[name] = value;
    }
  }
}

/** What goes back of an assistant's thoughts to the provider and the model that they came from; nothing of any other. */
export function encodeThoughts(parts: readonly Part[], upstream: AnswerSource | null): JsonObject {
  if (upstream === null) return {};
  const members: JsonObject = {};
  for (const part of parts) {
    const thought = part.kind === 'reasoning' ? readThought(part.signature) : null;
    if (part.kind !== 'reasoning' || thought === null || !isFrom(thought, upstream)) continue;
    const { member, details } = thought;
    if (part.text !== '') members[member] = ((members[member] as string | undefined) ?? '') + part.text;
    if (details !== undefined)
      members.reasoning_details = [...((members.reasoning_details as unknown[]) ?? []), ...details];
  }
  return members;
}
