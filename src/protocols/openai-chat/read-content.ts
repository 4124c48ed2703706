// The text of a delta or a message, whichever provider wrote it. Reasoning is in a separate member
// (`reasoning_content`: DeepSeek, Z.ai, vLLM; `reasoning`: OpenRouter, Groq, Ollama; `reasoning_text`: Copilot) or, from
// Mistral, among the parts of `content` (docs.mistral.ai/capabilities/reasoning).

import type { Part, Signature } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { isObject } from '../openai/request-fields.ts';
import {
  type AnswerSource,
  isFrom,
  readThought,
  signThought,
  THOUGHT_MEMBERS,
  type ThoughtMember,
} from '../translate/signatures.ts';
import type { ChatDelta } from './chunk.ts';

export interface Piece {
  kind: 'reasoning' | 'text' | 'refusal';
  text: string;
}

/** In the model's order, without empty ones. */
export function readPieces(delta: ChatDelta): Piece[] {
  const reasoning = readReasoning(delta);
  // Gateways that copy Mistral's reasoning to a separate member leave it in the list too.
  const content = readContent(delta.content).filter(({ kind }) => kind !== 'reasoning' || reasoning === '');
  const pieces: Piece[] = [
    { kind: 'reasoning', text: reasoning },
    ...content,
    { kind: 'refusal', text: typeof delta.refusal === 'string' ? delta.refusal : '' },
  ];
  return pieces.filter((piece) => piece.text !== '');
}

export function textOf(pieces: readonly Piece[], kind: Piece['kind']): string {
  return pieces.reduce((text, piece) => (piece.kind === kind ? text + piece.text : text), '');
}

function readReasoning(delta: ChatDelta): string {
  return plainReasoning(delta) || readReasoningDetails(delta.reasoning_details);
}

/** The member that holds reasoning; null if there is none. */
export function thoughtMember(delta: ChatDelta & { reasoning_text?: unknown }): ThoughtMember | null {
  return THOUGHT_MEMBERS.find((name) => typeof delta[name] === 'string' && delta[name] !== '') ?? null;
}

/** Reasoning in a separate member, without details. */
export function plainReasoning(delta: ChatDelta & { reasoning_text?: unknown }): string {
  const members = [delta.reasoning_content, delta.reasoning, delta.reasoning_text];
  return members.find((text): text is string => typeof text === 'string' && text !== '') ?? '';
}

/** OpenRouter repeats the details' text in `reasoning`; a gateway in between may have kept only the details. */
function readReasoningDetails(details: unknown): string {
  if (!Array.isArray(details)) return '';
  return details.map((detail) => textMember(detail, 'text') || textMember(detail, 'summary')).join('');
}

function readContent(content: unknown): Piece[] {
  if (typeof content === 'string') return [{ kind: 'text', text: content }];
  return Array.isArray(content) ? content.map(readPart) : [];
}

function readPart(part: unknown): Piece {
  if (typeof part === 'string') return { kind: 'text', text: part };
  switch (textMember(part, 'type')) {
    case 'thinking':
      return { kind: 'reasoning', text: readThinking((part as { thinking?: unknown }).thinking) };
    case 'refusal':
      return { kind: 'refusal', text: textMember(part, 'refusal') };
    default:
      return { kind: 'text', text: textMember(part, 'text') };
  }
}

/** A list of text parts, as at Mistral, or a text. */
function readThinking(thinking: unknown): string {
  if (typeof thinking === 'string') return thinking;
  return Array.isArray(thinking) ? thinking.map((part) => textMember(part, 'text')).join('') : '';
}

function textMember(value: unknown, key: string): string {
  const text = (value as Record<string, unknown> | null | undefined)?.[key];
  return typeof text === 'string' ? text : '';
}

// Reasoning of a chat provider, signed for clients of other protocols and sent back (translate/signatures.ts).

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

  /** Undefined if the provider has no member for reasoning, or it will not be sent back. */
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

/** The reasoning to send back, only to the provider and model that it came from. */
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
