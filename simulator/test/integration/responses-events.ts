// Reads a streamed Responses answer, also an incomplete one.
import { expect } from 'vitest';
import { SseSplitter } from '../../../src/protocols/wire/sse-splitter.ts';

export interface ResponsesEvent {
  type: string;
  sequence_number: number;
  output_index?: number;
  item_id?: string;
  delta?: string;
  text?: string;
  item?: OutputItem;
  response?: ResponseObject;
  message?: string;
  // The parts that tests check separately.
  [member: string]: unknown;
}

export interface OutputItem {
  id: string;
  type: string;
  status?: string;
  content?: { type: string; text?: string; refusal?: string }[];
  summary?: { text: string }[];
  encrypted_content?: string;
  call_id?: string;
  name?: string;
  arguments?: string;
  input?: string;
}

export interface ResponseObject {
  id: string;
  status: string;
  error: { code: string } | null;
  incomplete_details: { reason: string } | null;
  output: OutputItem[];
  usage: { input_tokens: number; output_tokens: number } | null;
  [member: string]: unknown;
}

/** The data of every event, for any split of the bytes. */
export function dataOf(pieces: readonly Buffer[]): string[] {
  const splitter = new SseSplitter();
  return pieces.flatMap((piece) => splitter.push(piece)).flatMap(({ data }) => (data === null ? [] : [data]));
}

/** Events that can be parsed, numbered without a gap from 0. */
export function responsesEvents(pieces: readonly Buffer[]): ResponsesEvent[] {
  const events = dataOf(pieces).flatMap((data) => (data.endsWith('}') ? [JSON.parse(data) as ResponsesEvent] : []));
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
  return events;
}

export function spokenText(events: readonly ResponsesEvent[]): string {
  return events.map(({ type, delta }) => (type === 'response.output_text.delta' ? delta : '')).join('');
}

/** Names of the events in order, each with how often it came in a row. */
export function order(events: readonly ResponsesEvent[]): string[] {
  const names: { type: string; count: number }[] = [];
  for (const { type } of events) {
    const last = names.at(-1);
    if (last?.type === type) last.count += 1;
    else names.push({ type, count: 1 });
  }
  return names.map(({ type, count }) => type.replace('response.', '') + (count === 1 ? '' : ` × ${count}`));
}
