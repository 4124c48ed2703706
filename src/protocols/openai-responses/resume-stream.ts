// Goes on with a client's stream that broke off: what the client has is read back from its bytes, whether an encoder or a
// provider wrote them. Ids, numbers and what the response said of itself go on.
import type { EncodeContext, JsonObject, ResumedStream } from '../codec.ts';
import { SseSplitter } from '../wire/sse-splitter.ts';
import { ResponsesEncoder } from './answer-encoder.ts';
import { BrokenThought } from './broken-thought.ts';
import { type Delivered, readDelivered } from './delivered.ts';
import { MessageItem } from './message-item.ts';
import type { ItemSlot, OutputItem } from './output-item.ts';
import { parseEvent, type ResponsesEvent } from './wire.ts';

/** Null unless the client has nothing but thoughts and the beginning of one text. */
export function resumeResponsesStream(delivered: Buffer, context: EncodeContext): ResumedStream | null {
  const state = readEvents(delivered);
  if (state === null) return null;
  const { response, number, output, open } = state;
  const content = open?.kind === 'message' ? open.text : null;
  const begun = {
    response,
    number,
    output,
    open: open === null ? null : (slot: ItemSlot) => openItem(slot, open),
    openId: String(open?.item.id ?? ''),
    isPartOpen: content !== null,
  };
  const encoder = new ResponsesEncoder(context, begun);
  const part = output.length + (open?.kind === 'thought' ? 1 : 0);
  return { encoder, part, text: content?.text ?? '', isOpen: content !== null };
}

function openItem(slot: ItemSlot, open: NonNullable<Delivered['open']>): OutputItem {
  return open.kind === 'message' ? new MessageItem(slot, open) : new BrokenThought(slot, open.item, open.summary);
}

function readEvents(delivered: Buffer): Delivered | null {
  const events: ResponsesEvent[] = [];
  for (const event of new SseSplitter().push(delivered)) {
    if (event.data === null) continue;
    const parsed: JsonObject | null = parseEvent(event);
    if (parsed === null) return null;
    events.push(parsed);
  }
  return readDelivered(events);
}
