// One choice of an answer as the deltas of its chunks.
import type { PartStart } from '#src/contracts/answer.ts';
import type { Citation, Part } from '#src/contracts/inference-request.ts';
import type { EncodableEvent, JsonObject } from '#src/protocols/codec.ts';
import { encodeAnnotations, encodeImage } from '../answer/answer-parts.ts';
import { unwrapInput } from '../answer/encode-answer.ts';
import { encodeExtraContent, encodeReasoningDetail } from '../signatures.ts';

export type PartEvent = Extract<EncodableEvent, { part: number }>;

/** The part that is open. */
interface OpenPart {
  start: PartStart;
  /** The text so far, which a signature and citations belong to. */
  text: string;
  citations: Citation[];
  /** A custom tool's text, wrapped in the argument of a function, which can only be unwrapped once it is complete. */
  isWrapped?: boolean;
}

type PartProof = Pick<Extract<PartEvent, { kind: 'part-end' }>, 'signature' | 'isRedacted'>;

export interface ChoiceForm {
  /** The client only knows `function_call`. */
  isOlder: boolean;
  /** Tools that the client declared as custom. */
  customTools: ReadonlySet<string>;
}

/** What the client already has of a choice. */
export interface BegunChoice {
  hasRole: boolean;
  /** Number of signed thoughts so far. */
  thoughtDetails: number;
  /** Text of the open part; empty if none is open. */
  text: string;
}

export class ChoiceEncoder {
  readonly #isOlder: boolean;
  readonly #customTools: ReadonlySet<string>;
  #hasRole = false;
  #open: OpenPart | null = null;
  /** UTF-16 units of content before the open part. */
  #offset = 0;
  /** Index of the latest call, and of the next signed thought. */
  #call = -1;
  #thought = 0;

  constructor({ isOlder, customTools }: ChoiceForm, begun?: BegunChoice) {
    this.#isOlder = isOlder;
    this.#customTools = customTools;
    if (begun === undefined) return;
    this.#hasRole = begun.hasRole;
    this.#thought = begun.thoughtDetails;
    if (begun.text !== '') this.#open = { start: { kind: 'text' }, text: begun.text, citations: [] };
  }

  /** The deltas of an event, in order. */
  encode(event: PartEvent): JsonObject[] {
    switch (event.kind) {
      case 'part-start':
        return this.#begin(event.start);
      case 'part-delta':
        return this.#more(event.delta, event.logProbabilities !== undefined);
      case 'part-citation':
        this.#open?.citations.push(event.citation);
        return [];
      case 'part-end':
        return this.#end(event);
      case 'part-whole':
        return this.#whole(event.value);
    }
  }

  /** The role, if nothing has been sent yet. */
  encodeRole(): JsonObject[] {
    if (this.#hasRole) return [];
    this.#hasRole = true;
    return [{ role: 'assistant', content: '', refusal: null }];
  }

  #begin(start: PartStart): JsonObject[] {
    this.#open = { start, text: '', citations: [] };
    if (start.kind !== 'tool-call') return this.encodeRole();
    const isWrapped = start.isCustom !== true && this.#customTools.has(start.name);
    if (isWrapped) this.#open = { ...this.#open, start: { ...start, isCustom: true }, isWrapped };
    this.#call++;
    if (this.#isUnseen()) return [];
    const role = this.#hasRole ? {} : { role: 'assistant', content: null };
    this.#hasRole = true;
    return [{ ...role, ...this.#callDelta(isWrapped ? { ...start, isCustom: true } : start) }];
  }

  /** With the signature if it is known, because SDKs keep only the members of a call's first delta. */
  #callDelta({ id, name, isCustom, signature }: Extract<PartStart, { kind: 'tool-call' }>): JsonObject {
    if (this.#isOlder) return { function_call: { name, arguments: '' } };
    const extra = encodeExtraContent(signature);
    const body = isCustom
      ? { type: 'custom', custom: { name, input: '' } }
      : { type: 'function', function: { name, arguments: '' } };
    return { tool_calls: [{ index: this.#call, id, ...body, ...(extra === null ? {} : { extra_content: extra }) }] };
  }

  #more(delta: string, hasLogProbabilities: boolean): JsonObject[] {
    if (this.#open === null || (delta === '' && !hasLogProbabilities)) return [];
    this.#open.text += delta;
    switch (this.#open.start.kind) {
      case 'text':
        return [{ content: delta }];
      case 'refusal':
        return [{ refusal: delta }];
      case 'reasoning':
        return [{ reasoning_content: delta }];
      case 'tool-call': {
        if (this.#isUnseen() || this.#open.isWrapped) return [];
        return [this.#argumentsDelta(delta, this.#open.start.isCustom === true)];
      }
    }
  }

  #argumentsDelta(text: string, isCustom: boolean): JsonObject {
    if (this.#isOlder) return { function_call: { arguments: text } };
    const body = isCustom ? { custom: { input: text } } : { function: { arguments: text } };
    return { tool_calls: [{ index: this.#call, ...body }] };
  }

  /** Whether the open part is a second call, which the older form cannot express. */
  #isUnseen(): boolean {
    return this.#isOlder && this.#call > 0;
  }

  #end({ signature, isRedacted }: PartProof): JsonObject[] {
    const open = this.#open;
    this.#open = null;
    if (open === null) return [];
    const { start, text, citations, isWrapped } = open;
    const more = { ...(signature ? { signature } : {}), ...(isRedacted ? { isRedacted } : {}) };
    switch (start.kind) {
      case 'text': {
        const annotations = encodeAnnotations(citations, this.#offset, text.length);
        this.#offset += text.length;
        const extra = encodeExtraContent(signature);
        return [
          ...(annotations.length === 0 ? [] : [{ annotations }]),
          ...(extra === null ? [] : [{ extra_content: extra }]),
        ];
      }
      case 'reasoning':
        return this.#detail({ kind: 'reasoning', text, ...(start.id === undefined ? {} : { id: start.id }), ...more });
      case 'tool-call': {
        const isSaid = this.#isOlder || start.signature !== undefined;
        const extra = isSaid ? null : encodeExtraContent(signature);
        // SDKs append `arguments` without checking that the member exists.
        const called = start.isCustom ? {} : { function: { arguments: '' } };
        return [
          ...(isWrapped ? [this.#argumentsDelta(unwrapInput(text), true)] : []),
          ...(extra === null ? [] : [{ tool_calls: [{ index: this.#call, ...called, extra_content: extra }] }]),
        ];
      }
      case 'refusal':
        return [];
    }
  }

  /** Sent whole at the end of the reasoning, so that a client that keeps the details has what the provider requires back. */
  #detail(part: Extract<Part, { kind: 'reasoning' }>): JsonObject[] {
    const detail = encodeReasoningDetail(part, this.#thought);
    if (detail === null) return [];
    this.#thought++;
    return [{ reasoning_details: [detail] }];
  }

  #whole(value: Part): JsonObject[] {
    switch (value.kind) {
      case 'image': {
        const image = encodeImage(value);
        return [...this.encodeRole(), ...(image === null ? [] : [{ images: [image] }])];
      }
      case 'audio':
        return [...this.encodeRole(), { audio: { data: value.data } }];
      case 'text':
      case 'refusal':
      case 'reasoning':
        return this.#atOnce({ kind: value.kind }, value.text, value.kind === 'refusal' ? {} : value);
      case 'tool-call':
        return this.#atOnce(value, value.arguments, value);
      default:
        return [];
    }
  }

  #atOnce(start: PartStart, text: string, end: PartProof): JsonObject[] {
    return [...this.#begin(start), ...this.#more(text, false), ...this.#end(end)];
  }
}
