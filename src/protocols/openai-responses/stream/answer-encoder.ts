// Writes an answer of another provider as a Responses stream. Finished items are collected: the last event contains all of
// them, and the unstreamed answer is made in the same way.
import type { FinishReason } from '#src/contracts/answer.ts';
import type { ImagePart, Part } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import {
  type AnswerEncoder,
  type EncodableEvent,
  type EncodeContext,
  idFor,
  type JsonObject,
  type ShownCost,
} from '#src/protocols/codec.ts';
import { insertCost } from '#src/protocols/openai/usage.ts';
import { type AnswerIdentity, endResponse, outcomeOf, writeResponse } from '../answer/response-object.ts';
import { type CarriedSignature, writeEncryptedContent } from '../reasoning.ts';
import type { DeclaredTool } from '../request/built-in-tools.ts';
import { findTool, toolsOfAnswered } from '../request/tool-list.ts';
import { writeResponsesUsage } from '../usage.ts';
import { BuiltInCallItem, CallItem } from './call-item.ts';
import { MessageItem } from './message-item.ts';
import { EventLog, ItemSlot, type ItemStatus, type OutputItem } from './output-item.ts';
import { ReasoningItem, reasoningItem } from './reasoning-item.ts';

/** What a client has of a stream that another encoder, or a provider, began. */
export interface BegunResponse {
  /** As announced; null if it was not. */
  response: JsonObject | null;
  /** Sequence number of the next event. */
  number: number;
  /** Finished items. */
  output: JsonObject[];
  /** The item after them, if one has begun. */
  open: ((slot: ItemSlot) => OutputItem) | null;
  openId: string;
  isPartOpen: boolean;
}

type PartStart = Extract<EncodableEvent, { kind: 'part-start' }>['start'];

export class ResponsesEncoder implements AnswerEncoder {
  readonly #context: EncodeContext;
  readonly #log: EventLog;
  readonly #identity: AnswerIdentity = { model: null, createdAt: null, serviceTier: null };
  readonly #begun: JsonObject | null;
  readonly #output: JsonObject[];
  /** Stays open after its last part: texts share a message, and what follows shows whether it is complete. */
  #item: OutputItem | null = null;
  /** Signature of the open item's last part; written after the item as a separate item. */
  #signature: CarriedSignature | null = null;
  /** As the client declared them; read with the first call. */
  #tools: DeclaredTool[] | null = null;
  #finishReason: FinishReason = 'stop';
  #finishMessage: string | undefined;
  #hasStarted = false;
  #isPartOpen = false;

  constructor(context: EncodeContext, begun?: BegunResponse) {
    this.#context = context;
    this.#log = new EventLog(begun?.number);
    this.#begun = begun?.response ?? null;
    this.#output = begun?.output ?? [];
    this.#hasStarted = this.#begun !== null;
    this.#isPartOpen = begun?.isPartOpen ?? false;
    this.#item = begun?.open?.(this.#slot('', begun.openId)) ?? null;
  }

  encode(event: EncodableEvent): string {
    // This API has no `n`, so there are no other choices.
    if ('choice' in event && event.choice !== 0) return '';
    const opening = this.#start(event);
    return opening + this.#encode(event);
  }

  end(usage: Usage, shown: ShownCost): string {
    const closing = this.#start(null) + this.#closeItem(this.#lastStatus());
    const response = this.finalResponse(usage, shown);
    return closing + this.#log.writeText(`response.${this.#status()}`, `"response":${response},"cost":${shown.charge}`);
  }

  /** JSON text of the finished response. Items that are still open are not in it. */
  finalResponse(usage: Usage, shown: ShownCost): string {
    const state = {
      ...outcomeOf(this.#finishReason, this.#finishMessage),
      output: this.#output,
      usage: writeResponsesUsage(usage),
    };
    const response =
      this.#begun === null
        ? writeResponse(this.#context, this.#identity, state)
        : endResponse(this.#begun, this.#identity, state);
    return insertCost(Buffer.from(JSON.stringify(response)), shown).toString();
  }

  #encode(event: EncodableEvent): string {
    switch (event.kind) {
      case 'answer-start':
        return '';
      case 'service-tier':
        this.#identity.serviceTier = event.serviceTier;
        return '';
      case 'part-start': {
        const text = this.#startPart(event.start);
        this.#isPartOpen = true;
        return text;
      }
      case 'part-delta':
        return this.#item?.delta(event.delta, event.logProbabilities ?? []) ?? '';
      case 'part-citation':
        this.#item?.cite(event.citation);
        return '';
      case 'part-end':
        return this.#endPart(event);
      case 'part-whole':
        return this.#writeWhole(event.value);
      case 'finish':
        this.#finishReason = event.reason;
        this.#finishMessage = event.message;
        return this.#closeItem(this.#lastStatus());
    }
  }

  #start(event: EncodableEvent | null): string {
    if (event?.kind === 'answer-start') {
      this.#identity.model = event.model || null;
      this.#identity.createdAt = event.createdAt ?? null;
    }
    if (this.#hasStarted) return '';
    this.#hasStarted = true;
    const response = writeResponse(this.#context, this.#identity, { status: 'in_progress', output: [] });
    // As in live responses: the requested tier at the beginning, the tier that served it at the end.
    if (event?.kind === 'answer-start') this.#identity.serviceTier = event.serviceTier ?? null;
    return this.#log.write('response.created', { response }) + this.#log.write('response.in_progress', { response });
  }

  #startPart(start: PartStart): string {
    if (start.kind === 'text' || start.kind === 'refusal') return this.#startContent(start.kind);
    const closing = this.#closeItem('completed');
    if (start.kind === 'reasoning') {
      this.#item = new ReasoningItem(this.#slot('rs_', start.id));
      return closing;
    }
    const call = this.#newCall(start);
    this.#item = call;
    return closing + call.open();
  }

  #newCall(start: Extract<PartStart, { kind: 'tool-call' }>): CallItem | BuiltInCallItem {
    this.#tools ??= toolsOfAnswered(this.#context.clientBody);
    const tool = findTool(this.#tools, start);
    const isCustom = start.isCustom === true || tool?.definition.kind === 'custom';
    const slot = this.#slot(isCustom ? 'ctc_' : 'fc_');
    const call = { ...start, isCustom, isWrapped: isCustom && start.isCustom !== true };
    return tool?.builtIn === undefined ? new CallItem(slot, call) : new BuiltInCallItem(slot, call, tool.builtIn);
  }

  #startContent(kind: 'text' | 'refusal'): string {
    const joins = this.#item instanceof MessageItem && this.#signature === null;
    const closing = joins ? '' : this.#closeItem('completed');
    const message = this.#item instanceof MessageItem ? this.#item : new MessageItem(this.#slot('msg_'));
    message.startPart(kind);
    this.#item = message;
    return closing;
  }

  #endPart(end: Extract<EncodableEvent, { kind: 'part-end' }>): string {
    this.#isPartOpen = false;
    const text = this.#item?.endPart(end) ?? '';
    if (end.signature !== undefined && !(this.#item instanceof ReasoningItem)) {
      this.#signature = { signature: end.signature, place: text === '' ? 'empty-text' : 'part-before' };
    }
    return text;
  }

  #writeWhole(part: Part): string {
    if (part.kind !== 'image') return '';
    const link = imageLink(part);
    if (link !== null) return this.#startContent('text') + this.#item!.delta(link, []) + this.#item!.endPart({});
    const closing = this.#closeItem('completed');
    const slot = this.#slot('ig_');
    const item = imageItem(slot.id, part);
    this.#output.push(item);
    const written = slot.added({ ...item, status: 'in_progress', result: null }) + slot.done(item);
    const signature: CarriedSignature | null =
      part.signature === undefined ? null : { signature: part.signature, place: 'part-before' };
    return closing + written + this.#carry(signature);
  }

  #closeItem(status: ItemStatus): string {
    // A part that its provider never ended.
    const rest = this.#isPartOpen ? (this.#item?.endPart({}) ?? '') : '';
    this.#isPartOpen = false;
    const { text, item } = this.#item?.close(status) ?? NOTHING;
    this.#item = null;
    if (item !== null) this.#output.push(item);
    const signature = this.#signature;
    this.#signature = null;
    return rest + text + this.#carry(signature);
  }

  #carry(carried: CarriedSignature | null): string {
    if (carried === null) return '';
    const slot = this.#slot('rs_');
    const item = reasoningItem(slot.id, '', writeEncryptedContent(carried.signature, carried.place));
    this.#output.push(item);
    return slot.added(reasoningItem(slot.id, '', null)) + slot.done(item);
  }

  /** The slot after the written items. @param id the provider's own. */
  #slot(prefix: string, id?: string): ItemSlot {
    const index = this.#output.length;
    return new ItemSlot(id || `${idFor(prefix, this.#context.requestId)}${index}`, index, this.#log);
  }

  #lastStatus(): ItemStatus {
    return this.#status() === 'completed' ? 'completed' : 'incomplete';
  }

  #status() {
    return outcomeOf(this.#finishReason).status;
  }
}

const NOTHING = { text: '', item: null };

// A generated image, as an item of OpenAI's own image tool, the only form that this protocol has for one.

/** `result` is base64. */
export function imageItem(id: string, { source }: ImagePart): JsonObject {
  const { mediaType, data } = source.kind === 'base64' ? source : { mediaType: '', data: null };
  const format = mediaType.startsWith('image/') ? { output_format: mediaType.slice('image/'.length) } : {};
  return { id, type: 'image_generation_call', status: 'completed', result: data, ...format };
}

/** Text with a link, for an image that the provider gives only by URL. Null if the bytes are present. */
export function imageLink({ source }: ImagePart): string | null {
  return source.kind === 'url' ? `![image](${source.url})` : null;
}
