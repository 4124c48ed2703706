// What a client has of a stream, read back from its events.
import type { JsonObject } from '../codec.ts';
import { objectOf, textOf } from '../wire/loose-json.ts';
import type { BegunSummary } from './broken-thought.ts';
import { readLogProbabilities } from './log-probabilities.ts';
import type { BegunMessage } from './message-item.ts';
import type { ResponsesEvent } from './wire.ts';

type OpenMessage = BegunMessage & { kind: 'message' };
interface OpenThought {
  kind: 'thought';
  item: JsonObject;
  summary: BegunSummary[];
}

export interface Delivered {
  /** As it was announced. */
  response: JsonObject | null;
  /** The next event's. */
  number: number;
  /** Items that are over: thoughts all of them. */
  output: JsonObject[];
  open: OpenMessage | OpenThought | null;
}

/** Null where the stream cannot be gone on with. */
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
      return openItem(state, event);
    case 'response.output_item.done':
      return endThought(state, objectOf(event.item));
  }
  if (event.output_index !== state.output.length) return false;
  if (state.open?.kind === 'message') return addToMessage(state.open, event);
  return state.open?.kind === 'thought' && addToThought(state.open.summary, event);
}

function openItem(state: Delivered, event: ResponsesEvent): boolean {
  const item = objectOf(event.item);
  const isNext = event.output_index === state.output.length && state.open === null && textOf(item.id) !== '';
  if (item.type === 'message') state.open = { kind: 'message', item, text: null };
  else if (item.type === 'reasoning') state.open = { kind: 'thought', item, summary: [] };
  else return false;
  return isNext;
}

/** Behind a message that has ended nobody knows what was to come. */
function endThought(state: Delivered, item: JsonObject): boolean {
  if (state.open?.kind !== 'thought') return false;
  state.open = null;
  state.output.push(item);
  return true;
}

/** Of a message there is the beginning of one text; annotations would be said twice. */
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

/** The text of reasoning, which open models show, has an order of its own. */
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
