// What an event of a provider's stream says, for every protocol alike. Providers and the gateways before them keep streams
// open with comments, with empty data, and with `[DONE]` where their protocol has no such end.
import type { SseEvent } from './sse-splitter.ts';

const VISIBLE = /\S/;

/**
 * Null for what says nothing: a comment, a name alone, data that is empty, which the standard keeps from readers (WHATWG
 * HTML, section 9.2.6). None of it is passed on: the broker keeps its clients' streams open itself, in bytes that their
 * SDKs take. An error without words is an error all the same.
 */
export function saidBy({ name, data }: SseEvent): string | null {
  return data === null || VISIBLE.test(data) || name === 'error' ? data : null;
}

/** The end of a stream of OpenAI's, blanks around it or not: its SDKs look at the beginning alone (npm openai 7.55.0). */
export function isDone(data: string): boolean {
  return data.trimStart().startsWith('[DONE]');
}

/** What the end of a stream has cut off, as an event. Bare JSON is its data: Google breaks off so with an error. */
export function endedEvent(rest: SseEvent): SseEvent {
  const text = rest.data === null ? rest.raw.toString().trim() : '';
  const raw = Buffer.concat([rest.raw, Buffer.from('\n\n')]);
  return text.startsWith('{') ? { ...rest, raw, data: text } : { ...rest, raw };
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
