// Resumes a client's broken stream: what the client has is read back from its bytes, whether an encoder or a provider
// wrote them. Ids, sequence numbers and the response object continue.
import type { EncodeContext, JsonObject, ResumedStream } from '#src/protocols/codec.ts';
import { objectOf, textOf } from '#src/protocols/wire/loose-json.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { parseEvent, type ResponsesEvent, readLogProbabilities } from '../events.ts';
import { ResponsesEncoder } from './answer-encoder.ts';
import { type BegunMessage, MessageItem } from './message-item.ts';
import type { ItemSlot, OutputItem } from './output-item.ts';
import { type BegunSummary, BrokenThought } from './reasoning-item.ts';

/** Null unless the client has only reasoning and the beginning of one text. */
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

// What a client has of a stream, read back from its events.
type OpenMessage = BegunMessage & { kind: 'message' };
interface OpenThought {
  kind: 'thought';
  item: JsonObject;
  summary: BegunSummary[];
}

export interface Delivered {
  /** As it was announced. */
  response: JsonObject | null;
  /** Sequence number of the next event. */
  number: number;
  /** Finished items, all of them reasoning. */
  output: JsonObject[];
  open: OpenMessage | OpenThought | null;
}

/** Null if the stream cannot be resumed. */
export function readDelivered(events: readonly ResponsesEvent[]): Delivered | null {
  const state: Delivered = { response: null, number: 0, output: [], open: null };
  for (const event of events) {
    if (!advance(state, event)) return null;
    if (typeof event.sequence_number === 'number') state.number = event.sequence_number + 1;
  }
  return state;
}

function advance(state: Delivered, event: ResponsesEvent): boolean {
  switch (event.type) {
    case 'response.created':
    case 'response.queued':
    case 'response.in_progress':
      state.response = objectOf(event.response);
      return true;
    case 'keepalive':
      return true;
    case 'response.output_item.added':
      return beginItem(state, event);
    case 'response.output_item.done':
      return endThought(state, objectOf(event.item));
  }
  if (event.output_index !== state.output.length) return false;
  if (state.open?.kind === 'message') return addToMessage(state.open, event);
  return state.open?.kind === 'thought' && addToThought(state.open.summary, event);
}

function beginItem(state: Delivered, event: ResponsesEvent): boolean {
  const item = objectOf(event.item);
  const isNext = event.output_index === state.output.length && state.open === null && textOf(item.id) !== '';
  if (item.type === 'message') state.open = { kind: 'message', item, text: null };
  else if (item.type === 'reasoning') state.open = { kind: 'thought', item, summary: [] };
  else return false;
  return isNext;
}

/** After a finished message it is unknown what would have followed. */
function endThought(state: Delivered, item: JsonObject): boolean {
  if (state.open?.kind !== 'thought') return false;
  state.open = null;
  state.output.push(item);
  return true;
}

/** Only the beginning of one text can be resumed; annotations would be sent twice. */
function addToMessage(open: OpenMessage, event: ResponsesEvent): boolean {
  if (event.content_index !== 0) return false;
  if (event.type === 'response.content_part.added') {
    const part = objectOf(event.part);
    open.text = { text: textOf(part.text), logProbabilities: [] };
    return part.type === 'output_text';
  }
  if (event.type !== 'response.output_text.delta' || open.text === null) return false;
  open.text.text += textOf(event.delta);
  open.text.logProbabilities.push(...readLogProbabilities(event.logprobs));
  return true;
}

/** Only summaries; reasoning text, which open models show, has a different order of events. */
function addToThought(summary: BegunSummary[], event: ResponsesEvent): boolean {
  if (event.type === 'response.reasoning_summary_part.added') {
    summary.push({ text: textOf(objectOf(event.part).text), isTextDone: false, isDone: false });
    return event.summary_index === summary.length - 1;
  }
  const part = summary.at(-1);
  if (part === undefined || event.summary_index !== summary.length - 1) return false;
  switch (event.type) {
    case 'response.reasoning_summary_text.delta':
      part.text += textOf(event.delta);
      return true;
    case 'response.reasoning_summary_text.done':
      part.isTextDone = true;
      return true;
    case 'response.reasoning_summary_part.done':
      part.isDone = true;
      return true;
    default:
      return false;
  }
}
