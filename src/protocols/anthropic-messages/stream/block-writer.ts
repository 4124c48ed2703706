// Writes the events of an Anthropic stream in their order: the start of the message, then blocks one after the other, each
// opened, added to and closed, with indexes that rise by one (docs/reference/anthropic-messages.md section 4).
import { NO_USAGE } from '#src/contracts/usage.ts';
import { messageHead } from '#src/protocols/anthropic-messages/answer/encode-answer.ts';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { writeMessagesUsage } from '#src/protocols/anthropic-messages/usage.ts';
import type { EncodeContext, JsonObject } from '#src/protocols/codec.ts';

/** The state of a cut-off stream that is resumed. */
export interface BrokenOff {
  hasStarted: boolean;
  /** Index of the open block, or of the next one. */
  nextIndex: number;
  openBlock: 'text' | 'thinking' | null;
}

export const FROM_THE_START: BrokenOff = { hasStarted: false, nextIndex: 0, openBlock: null };

export class BlockWriter {
  readonly #context: EncodeContext;
  #hasStarted: boolean;
  #index: number;
  /** An earlier attempt left a thought open, which is ended before anything else begins. */
  #hasBrokenThought: boolean;

  constructor(context: EncodeContext, { hasStarted, nextIndex, openBlock }: BrokenOff) {
    this.#context = context;
    this.#hasStarted = hasStarted;
    this.#index = nextIndex;
    this.#hasBrokenThought = openBlock === 'thinking';
  }

  /** Empty if already written. Called for every block, since a provider may not send a start event. */
  start(model = '', serviceTier?: string): string {
    if (this.#hasStarted) return '';
    this.#hasStarted = true;
    const inputTokens = this.#context.estimatedInputTokens ?? 0;
    const message = {
      ...messageHead(model, this.#context),
      content: [],
      stop_reason: null,
      stop_sequence: null,
      stop_details: null,
      container: null,
      // Usage is known only at the end; until then the prompt is estimated. Unknown members are null, not zero.
      usage: { ...writeMessagesUsage({ ...NO_USAGE, inputTokens }, serviceTier), output_tokens_details: null },
    };
    return writeEvent({ type: 'message_start', message });
  }

  open(block: JsonObject): string {
    const event = () => writeEvent({ type: 'content_block_start', index: this.#index, content_block: block });
    return this.start() + this.endBrokenThought() + event();
  }

  add(delta: JsonObject): string {
    return writeEvent({ type: 'content_block_delta', index: this.#index, delta });
  }

  close(): string {
    return writeEvent({ type: 'content_block_stop', index: this.#index++ });
  }

  /** Writes a block that only carries a signature. */
  carrier({ signature, ...block }: JsonObject): string {
    return this.open({ ...block, signature: '' }) + this.add({ type: 'signature_delta', signature }) + this.close();
  }

  /** Its provider never signed it, so it is marked as unsigned. */
  endBrokenThought(): string {
    if (!this.#hasBrokenThought) return '';
    this.#hasBrokenThought = false;
    return this.add({ type: 'signature_delta', signature: writeSignature(undefined) }) + this.close();
  }
}

/** SDKs skip events without a name. */
export function writeEvent(message: JsonObject & { type: string }): string {
  return eventText(message.type, JSON.stringify(message));
}

export function eventText(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}
