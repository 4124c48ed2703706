// Reads the data of a provider's event, in every protocol. Providers and gateways keep streams open with comments and empty
// data, and send `[DONE]` even in protocols that do not have it.
import type { SseEvent } from './sse-splitter.ts';

const VISIBLE = /\S/;

/**
 * Null for an event without content: a comment, a name alone, empty data, which the standard does not dispatch (WHATWG
 * HTML, section 9.2.6). Such events are not relayed: the broker sends its own keep-alives, in a form that SDKs accept. An
 * error with empty data is still an error.
 */
export function saidBy({ name, data }: SseEvent): string | null {
  return data === null || VISIBLE.test(data) || name === 'error' ? data : null;
}

/** Whether this is the end of an OpenAI stream. OpenAI's SDKs compare only the beginning (npm openai 7.55.0). */
export function isDone(data: string): boolean {
  return data.trimStart().startsWith('[DONE]');
}

/** The rest of a cut-off stream as an event. Bare JSON counts as its data, because Google ends streams with such an error. */
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
