// A call of one of the client's tools: output_item.added → deltas of the arguments → done → output_item.done. The item's
// `id` is its own; `call_id` links the output to it.
import type { ToolName } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { parseObject, present } from '#src/protocols/wire/loose-json.ts';
import type { BuiltInTool } from '../request/built-in-tools.ts';
import type { ItemSlot, ItemStatus, OutputItem } from './output-item.ts';

export interface StartedCall extends ToolName {
  id: string;
  isCustom: boolean;
  /** The provider has no custom tools: it was given a function whose only argument, `input`, is the text. */
  isWrapped: boolean;
}

/** A custom tool takes free text, a function JSON. */
const FORMS = {
  function: { type: 'function_call', member: 'arguments', event: 'response.function_call_arguments', empty: '{}' },
  custom: { type: 'custom_tool_call', member: 'input', event: 'response.custom_tool_call_input', empty: '' },
} as const;

export class CallItem implements OutputItem {
  readonly #slot: ItemSlot;
  readonly #call: StartedCall;
  readonly #form: (typeof FORMS)['function' | 'custom'];
  #input = '';
  /** A wrapped text, which can only be unwrapped once it is complete. */
  #held = '';

  constructor(slot: ItemSlot, call: StartedCall) {
    this.#slot = slot;
    this.#call = call;
    this.#form = call.isCustom ? FORMS.custom : FORMS.function;
  }

  open(): string {
    return this.#slot.added(this.#item('in_progress'));
  }

  delta(delta: string): string {
    if (!this.#call.isWrapped) return this.#write(delta);
    this.#held += delta;
    return '';
  }

  cite(): void {}

  endPart(): string {
    const held = this.#write(unwrap(this.#held));
    // For a call without arguments providers send nothing, but clients parse the arguments, so an empty object is written.
    const rest = this.#input === '' ? this.#write(this.#form.empty) : '';
    const name = this.#call.isCustom ? {} : { name: this.#call.name };
    return held + rest + this.#slot.inside(`${this.#form.event}.done`, { ...name, [this.#form.member]: this.#input });
  }

  close(status: ItemStatus): { text: string; item: JsonObject } {
    const item = this.#item(status);
    return { text: this.#slot.done(item), item };
  }

  #write(delta: string): string {
    if (delta === '') return '';
    this.#input += delta;
    return this.#slot.inside(`${this.#form.event}.delta`, { delta });
  }

  #item(status: ItemStatus | 'in_progress'): JsonObject {
    const { id, name, namespace } = this.#call;
    const { type, member } = this.#form;
    return { id: this.#slot.id, type, status, call_id: id, name, ...present({ namespace }), [member]: this.#input };
  }
}

/** A call of a built-in tool: its item is written whole, once the arguments are complete. */
export class BuiltInCallItem implements OutputItem {
  readonly #slot: ItemSlot;
  readonly #call: StartedCall;
  readonly #tool: BuiltInTool;
  #arguments = '';

  constructor(slot: ItemSlot, call: StartedCall, tool: BuiltInTool) {
    this.#slot = slot;
    this.#call = call;
    this.#tool = tool;
  }

  open(): string {
    return '';
  }

  delta(delta: string): string {
    this.#arguments += delta;
    return '';
  }

  cite(): void {}

  endPart(): string {
    return '';
  }

  close(status: ItemStatus): { text: string; item: JsonObject } {
    const members = this.#tool.toItem(parseObject(this.#arguments) ?? {});
    // Invalid arguments are shown as a function call, so that the client can report what is wrong.
    if (members === null) return this.#asFunction(status);
    const item = { id: this.#slot.id, type: this.#tool.call, status, call_id: this.#call.id, ...members };
    return { text: this.#slot.added({ ...item, status: 'in_progress' }) + this.#slot.done(item), item };
  }

  #asFunction(status: ItemStatus): { text: string; item: JsonObject } {
    const call = new CallItem(this.#slot, { ...this.#call, isCustom: false, isWrapped: false });
    const text = call.open() + call.delta(this.#arguments) + call.endPart();
    const closed = call.close(status);
    return { text: text + closed.text, item: closed.item };
  }
}

/** Text that cannot be unwrapped is passed on as it is. */
function unwrap(wrapped: string): string {
  const input = parseObject(wrapped)?.input;
  return typeof input === 'string' ? input : wrapped;
}
