// An answer of another provider as an Anthropic stream.
import type { FinishReason, PartStart } from '#src/contracts/answer.ts';
import type { Citation, Part, Signature } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import { carrierBlock, describeMedia, writeStop } from '#src/protocols/anthropic-messages/answer/encode-answer.ts';
import { encodeCitation, escapeIdentifier } from '#src/protocols/anthropic-messages/blocks.ts';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { insertCost, writeMessagesUsage } from '#src/protocols/anthropic-messages/usage.ts';
import type { AnswerEncoder, EncodableEvent, EncodeContext, JsonObject, ShownCost } from '#src/protocols/codec.ts';
import { BlockWriter, type BrokenOff, eventText, FROM_THE_START, writeEvent } from './block-writer.ts';

/**
 * A block is opened once it is known to have content: clients send back what they receive, and Anthropic refuses empty
 * texts. A tool call is held for one more piece, since its signature must come before it but arrives at its end; providers
 * that sign calls send them in one piece. A custom tool's text is held to its end, because it becomes a member of an object.
 */
interface OpenPart {
  start: PartStart;
  /** The block has been opened. */
  isOpen: boolean;
  /** First piece of a tool call's arguments; all of a custom tool's text. */
  held: string;
}

/** Streams of this protocol have one choice. */
export class MessagesEncoder implements AnswerEncoder {
  readonly #writer: BlockWriter;
  #part: OpenPart | null;
  #hasToolCall = false;
  #refusal = '';
  #serviceTier: string | undefined;
  #reason: FinishReason = 'stop';
  #stopSequence: string | undefined;
  #message: string | undefined;

  constructor(context: EncodeContext, brokenOff: BrokenOff = FROM_THE_START) {
    this.#writer = new BlockWriter(context, brokenOff);
    this.#part = brokenOff.openBlock === 'text' ? { start: { kind: 'text' }, isOpen: true, held: '' } : null;
  }

  encode(event: EncodableEvent): string {
    if ('choice' in event && event.choice !== 0) return '';
    switch (event.kind) {
      case 'answer-start':
        this.#serviceTier = event.serviceTier;
        return this.#writer.start(event.model, event.serviceTier);
      case 'part-start':
        this.#part = { start: event.start, isOpen: false, held: '' };
        this.#hasToolCall ||= event.start.kind === 'tool-call';
        return '';
      case 'part-delta':
        return event.delta === '' ? '' : this.#addDelta(event.delta);
      case 'part-citation':
        return this.#addCitation(event.citation);
      case 'part-end':
        return this.#endPart(event.signature, event.isRedacted === true);
      case 'part-whole':
        return this.#addWhole(event.value);
      case 'finish':
        this.#reason = event.reason;
        this.#stopSequence = event.stopSequence;
        this.#message = event.message;
        return '';
      case 'service-tier':
        this.#serviceTier = event.serviceTier;
        return '';
    }
  }

  end(usage: Usage, shown: ShownCost): string {
    const open = this.#writer.start() + this.#endPart(undefined, false) + this.#writer.endBrokenThought();
    const message = {
      type: 'message_delta',
      delta: { ...this.#stop(), container: null },
      usage: writeMessagesUsage(usage, this.#serviceTier),
    };
    const priced = insertCost(Buffer.from(JSON.stringify(message)), shown, message.usage).toString();
    return open + eventText('message_delta', priced) + writeEvent({ type: 'message_stop' });
  }

  #stop(): JsonObject {
    return writeStop({
      reason: this.#reason,
      stopSequence: this.#stopSequence,
      hasToolCall: this.#hasToolCall,
      refusal: this.#refusal,
      message: this.#message,
    });
  }

  #addDelta(delta: string): string {
    const part = this.#part;
    if (part === null) return '';
    if (part.start.kind === 'refusal') {
      this.#refusal += delta;
      return '';
    }
    if (part.start.kind === 'tool-call' && !part.isOpen && (part.held === '' || isCustomCall(part.start))) {
      part.held += delta;
      return '';
    }
    return this.#open(part) + this.#writer.add(deltaOf(part.start, delta));
  }

  #addCitation(citation: Citation): string {
    const part = this.#part;
    if (part?.start.kind !== 'text') return '';
    return this.#open(part) + this.#writer.add({ type: 'citations_delta', citation: encodeCitation(citation) });
  }

  #endPart(signature: Signature | undefined, isRedacted: boolean): string {
    const part = this.#part;
    this.#part = null;
    switch (part?.start.kind) {
      case 'text':
        return part.isOpen ? this.#writer.close() : '';
      case 'reasoning':
        return this.#endReasoning(part, signature, isRedacted);
      case 'tool-call':
        return this.#endCall(part, signature);
      default:
        return '';
    }
  }

  #endReasoning(part: OpenPart, signature: Signature | undefined, isRedacted: boolean): string {
    if (!part.isOpen && signature === undefined) return '';
    const value = writeSignature(signature);
    if (!part.isOpen && isRedacted) return this.#writeBlock({ type: 'redacted_thinking', data: value });
    return this.#open(part) + this.#writer.add({ type: 'signature_delta', signature: value }) + this.#writer.close();
  }

  /**
   * A signature after a call in several pieces is too late; providers that stream calls do not sign them, or do so at the
   * start.
   */
  #endCall(part: OpenPart, signature: Signature | undefined): string {
    if (part.start.kind === 'tool-call' && signature !== undefined) part.start = { ...part.start, signature };
    if (isCustomCall(part.start)) part.held = JSON.stringify({ input: part.held });
    return this.#open(part) + this.#writer.close();
  }

  #addWhole(value: Part): string {
    if (value.kind !== 'image' && value.kind !== 'audio') return '';
    const part: OpenPart = { start: { kind: 'text' }, isOpen: false, held: '' };
    return this.#open(part) + this.#writer.add(deltaOf(part.start, describeMedia(value))) + this.#writer.close();
  }

  #writeBlock(block: JsonObject): string {
    return this.#writer.open(block) + this.#writer.close();
  }

  /** Opens the block unless it is open, and writes what was held. */
  #open(part: OpenPart): string {
    if (part.isOpen) return '';
    part.isOpen = true;
    const signature = part.start.kind === 'tool-call' ? part.start.signature : undefined;
    const carrier = signature === undefined ? '' : this.#writer.carrier(carrierBlock(signature));
    const opened = carrier + this.#writer.open(emptyBlock(part.start));
    return part.held === '' ? opened : opened + this.#writer.add(deltaOf(part.start, part.held));
  }
}

function isCustomCall(start: PartStart): boolean {
  return start.kind === 'tool-call' && start.isCustom === true;
}

function emptyBlock(start: PartStart): JsonObject {
  if (start.kind === 'tool-call') {
    return { type: 'tool_use', id: escapeIdentifier(start.id), name: start.name, input: {} };
  }
  if (start.kind === 'reasoning') return { type: 'thinking', thinking: '', signature: '' };
  return { type: 'text', text: '', citations: null };
}

function deltaOf({ kind }: PartStart, delta: string): JsonObject {
  if (kind === 'tool-call') return { type: 'input_json_delta', partial_json: delta };
  if (kind === 'reasoning') return { type: 'thinking_delta', thinking: delta };
  return { type: 'text_delta', text: delta };
}
