// Cuts a byte stream into server-sent events (WHATWG HTML, section 9.2.6), keeping each event's own bytes so that a
// pass-through stream can be relayed as it came. Gives the same events for every split of the bytes; lines may end in
// LF, CR LF or CR. (eventsource-parser gives no raw bytes; bench/sse-splitter.ts compares the two.)

export interface SseEvent {
  /** The event as it came, including the empty line that ends it. */
  raw: Buffer;
  /** Value of `event:`, or null. */
  name: string | null;
  /** Values of `data:`, joined by line feeds; null for a comment or an event without data. */
  data: string | null;
  hasId: boolean;
}

/** A vendor that sends more than this without an empty line is not speaking SSE. Images come as base64 in one event. */
export const MAX_SSE_EVENT_BYTES = 64 * 1024 * 1024;

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const NOTHING = Buffer.alloc(0);

export class SseSplitter {
  /** Bytes of the event that is not complete yet. */
  #pending: Buffer = NOTHING;
  /** Offset in `#pending` up to which no line end is left to find, and where the current line starts. */
  #scanned = 0;
  #lineStart = 0;
  #isAtStart = true;

  /** Events completed by these bytes. Throws a RangeError when an event exceeds MAX_SSE_EVENT_BYTES. */
  push(chunk: Buffer): SseEvent[] {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    if (this.#isAtStart) {
      if (bytes.length < 3 && BYTE_ORDER_MARK.subarray(0, bytes.length).equals(bytes)) {
        this.#pending = bytes;
        return [];
      }
      this.#isAtStart = false;
      if (bytes.subarray(0, 3).equals(BYTE_ORDER_MARK)) bytes = bytes.subarray(3);
    }
    return this.#scan(bytes);
  }

  /** The event cut off by the end of the stream, if it has any bytes: the standard says to drop it, the caller decides. */
  end(): SseEvent | null {
    const rest = this.#pending;
    this.#pending = NOTHING;
    this.#scanned = 0;
    this.#lineStart = 0;
    return rest.length === 0 ? null : parseEvent(rest);
  }

  #scan(bytes: Buffer): SseEvent[] {
    const events: SseEvent[] = [];
    let eventStart = 0;
    let lineStart = this.#lineStart;
    let at = this.#scanned;
    for (; at < bytes.length; at++) {
      const byte = bytes[at];
      if (byte !== LF && byte !== CR) continue;
      if (byte === CR && at + 1 === bytes.length) break; // a line feed may follow
      const lineEnd = at;
      if (byte === CR && bytes[at + 1] === LF) at++;
      if (lineEnd === lineStart) {
        events.push(parseEvent(bytes.subarray(eventStart, at + 1)));
        eventStart = at + 1;
      }
      lineStart = at + 1;
    }
    if (bytes.length - eventStart > MAX_SSE_EVENT_BYTES) throw new RangeError('event is too large');
    this.#pending = bytes.subarray(eventStart);
    this.#lineStart = lineStart - eventStart;
    this.#scanned = at - eventStart;
    return events;
  }
}

function parseEvent(raw: Buffer): SseEvent {
  const event: SseEvent = { raw, name: null, data: null, hasId: false };
  let start = 0;
  while (start < raw.length) {
    let end = start;
    while (end < raw.length && raw[end] !== LF && raw[end] !== CR) end++;
    if (end > start) readField(event, raw, start, end);
    start = end + (raw[end] === CR && raw[end + 1] === LF ? 2 : 1);
  }
  return event;
}

function readField(event: SseEvent, raw: Buffer, start: number, end: number): void {
  const colon = raw.indexOf(COLON, start);
  const nameEnd = colon < 0 || colon > end ? end : colon;
  if (nameEnd === start) return; // a comment
  const name = raw.toString('latin1', start, nameEnd);
  const valueStart = Math.min(end, nameEnd + (raw[nameEnd + 1] === SPACE ? 2 : 1));
  if (name === 'data') {
    const value = raw.toString('utf8', valueStart, end);
    event.data = event.data === null ? value : `${event.data}\n${value}`;
  } else if (name === 'event') {
    event.name = raw.toString('utf8', valueStart, end);
  } else if (name === 'id') {
    event.hasId = true;
  }
}

/** The event with other data; its other lines and its line ends stay. */
export function replaceData(event: SseEvent, data: Buffer): Buffer {
  const old = Buffer.from(event.data ?? '');
  const at = event.raw.indexOf(old);
  if (old.length > 0 && at >= 0) {
    return Buffer.concat([event.raw.subarray(0, at), data, event.raw.subarray(at + old.length)]);
  }
  const name = event.name === null ? '' : `event: ${event.name}\n`;
  return Buffer.concat([Buffer.from(`${name}data: `), data, Buffer.from('\n\n')]);
}

const EVENT_END = Buffer.from('\n\n');

/** Events of our own making, each with the empty line that ends it; a vendor's own event comes back whole. */
export function splitEvents(bytes: Buffer): Buffer[] {
  const events: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(EVENT_END, start);
    const next = end < 0 ? bytes.length : end + EVENT_END.length;
    events.push(bytes.subarray(start, next));
    start = next;
  }
  return events;
}
