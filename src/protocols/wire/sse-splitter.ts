// Cuts a byte stream into server-sent events (WHATWG HTML, section 9.2.6), keeping each event's own bytes so that a
// pass-through stream can be relayed as it came. The events do not depend on how the bytes are split; lines may end in
// LF, CR LF or CR. (eventsource-parser does not expose raw bytes.)

export interface SseEvent {
  /** The event as it came, including the empty line that ends it. */
  raw: Buffer;
  /** Value of `event:`, or null. */
  name: string | null;
  /** Values of `data:`, joined by line feeds; null for a comment or an event without data. */
  data: string | null;
  /** Whether it has `id:` or `retry:` lines, which control the client's reconnection. */
  isSteering: boolean;
}

/** More than this without an empty line is not SSE. Images come as base64 in one event. */
export const MAX_SSE_EVENT_BYTES = 64 * 1024 * 1024;

/** Real events have fewer than a thousand lines; each takes a microsecond to read. */
const MAX_EVENT_LINES = 100_000;

export class EventTooLarge extends Error {
  override name = 'EventTooLarge';
}

const LF = 10;
const CR = 13;
const COLON = 58;
const SPACE = 32;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Takes linear time, however the stream is split: an event of 60 MB in pieces of 16 KiB takes a tenth of a second. */
export class SseSplitter {
  /** Bytes of the event that is not complete yet. */
  #pieces: Buffer[] = [];
  #pendingBytes = 0;
  /** Whether the current line has no bytes so far. */
  #isLineEmpty = true;
  /** The last byte was a carriage return: a line feed that follows belongs to it. */
  #isAfterReturn = false;
  /** That carriage return ended an event, which is held for the line feed that may belong to it. */
  #isEventOver = false;
  #isAtStart = true;
  /** Lines of the event that is not complete yet. */
  #lines = 0;

  /** Returns the events completed by these bytes. Throws an EventTooLarge beyond MAX_SSE_EVENT_BYTES. */
  push(chunk: Buffer): SseEvent[] {
    return chunk.length === 0 ? [] : this.#scan(this.#isAtStart ? this.#withoutMark(chunk) : chunk);
  }

  /** The event cut off by the end of the stream, if it has any bytes: the standard says to drop it, the caller decides. */
  end(): SseEvent | null {
    return this.#pendingBytes === 0 ? null : parseEvent(this.#take(null));
  }

  #withoutMark(chunk: Buffer): Buffer {
    const bytes = this.#pendingBytes === 0 ? chunk : Buffer.concat([...this.#pieces, chunk]);
    this.#pieces = [];
    this.#pendingBytes = 0;
    if (bytes.length < 3 && BYTE_ORDER_MARK.subarray(0, bytes.length).equals(bytes)) {
      this.#keep(bytes);
      return EMPTY;
    }
    this.#isAtStart = false;
    return bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
  }

  #scan(chunk: Buffer): SseEvent[] {
    const events: SseEvent[] = [];
    let start = 0;
    let at = 0;
    // Native searches; each is repeated only after the position that it found.
    let lineFeed = chunk.indexOf(LF);
    let carriageReturn = chunk.indexOf(CR);
    const endEvent = (end: number) => {
      events.push(parseEvent(this.#take(chunk.subarray(start, end))));
      start = end;
    };

    while (at < chunk.length) {
      if (this.#isAfterReturn) {
        this.#isAfterReturn = false;
        if (chunk[at] === LF) at++;
        if (this.#isEventOver) endEvent(at);
        this.#isEventOver = false;
        continue;
      }
      if (lineFeed >= 0 && lineFeed < at) lineFeed = chunk.indexOf(LF, at);
      if (carriageReturn >= 0 && carriageReturn < at) carriageReturn = chunk.indexOf(CR, at);
      const lineEnd = nearest(lineFeed, carriageReturn);
      if (lineEnd < 0) {
        this.#isLineEmpty = false;
        break;
      }
      const isEmpty = this.#isLineEmpty && lineEnd === at;
      this.#isLineEmpty = true;
      at = lineEnd + 1;
      if (++this.#lines > MAX_EVENT_LINES) throw new EventTooLarge('event has too many lines');
      if (lineEnd === carriageReturn) {
        this.#isAfterReturn = true;
        this.#isEventOver = isEmpty;
      } else if (isEmpty) endEvent(at);
    }
    this.#keep(chunk.subarray(start));
    if (this.#pendingBytes > MAX_SSE_EVENT_BYTES) throw new EventTooLarge('event is too large');
    return events;
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#pendingBytes += bytes.length;
  }

  #take(last: Buffer | null): Buffer {
    const pieces = last === null ? this.#pieces : [...this.#pieces, last];
    this.#pieces = [];
    this.#pendingBytes = 0;
    this.#lines = 0;
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }
}

const EMPTY = Buffer.alloc(0);

function nearest(a: number, b: number): number {
  return a < 0 || b < 0 ? Math.max(a, b) : Math.min(a, b);
}

function parseEvent(raw: Buffer): SseEvent {
  return parseDataLine(raw) ?? parseLines(raw);
}

const DATA_LINE = Buffer.from('data: ');

/** Fast path for the usual event: one line of data and an empty line. Null for all others. */
function parseDataLine(raw: Buffer): SseEvent | null {
  const end = raw.length - EVENT_END.length;
  if (raw.indexOf(LF) !== end || raw[end + 1] !== LF || raw.indexOf(CR) >= 0) return null;
  for (let at = 0; at < DATA_LINE.length; at++) if (raw[at] !== DATA_LINE[at]) return null;
  return { raw, name: null, data: raw.toString('utf8', DATA_LINE.length, end), isSteering: false };
}

function parseLines(raw: Buffer): SseEvent {
  const event: SseEvent = { raw, name: null, data: null, isSteering: false };
  forEachLine(raw, (start, end) => readField(event, raw, start, end));
  return event;
}

/** Visits each line that is not empty: its start, its end, and the start of the next line. */
function forEachLine(raw: Buffer, visit: (start: number, end: number, next: number) => void): void {
  let start = 0;
  let lineFeed = raw.indexOf(LF);
  let carriageReturn = raw.indexOf(CR);
  while (start < raw.length) {
    if (lineFeed >= 0 && lineFeed < start) lineFeed = raw.indexOf(LF, start);
    if (carriageReturn >= 0 && carriageReturn < start) carriageReturn = raw.indexOf(CR, start);
    const found = nearest(lineFeed, carriageReturn);
    const end = found < 0 ? raw.length : found;
    const next = end + (raw[end] === CR && raw[end + 1] === LF ? 2 : 1);
    if (end > start) visit(start, end, Math.min(next, raw.length));
    start = next;
  }
}

function readField(event: SseEvent, raw: Buffer, start: number, end: number): void {
  const nameEnd = endOfName(raw, start, end);
  if (nameEnd === start) return; // a comment
  const name = raw.toString('latin1', start, nameEnd);
  const valueStart = Math.min(end, nameEnd + (raw[nameEnd + 1] === SPACE ? 2 : 1));
  if (name === 'data') {
    const value = raw.toString('utf8', valueStart, end);
    event.data = event.data === null ? value : `${event.data}\n${value}`;
  } else if (name === 'event') {
    event.name = raw.toString('utf8', valueStart, end);
  } else if (name === 'id' || name === 'retry') {
    event.isSteering = true;
  }
}

/** Field names are short: a long line is not searched to its end for a colon. */
const LONGEST_NAME = 16;

function endOfName(raw: Buffer, start: number, end: number): number {
  const limit = Math.min(end, start + LONGEST_NAME);
  for (let at = start; at < limit; at++) if (raw[at] === COLON) return at;
  return end;
}

/** Removes `id:` and `retry:` lines: the broker sets ids and reconnection times of its client's stream itself. */
export function withoutSteering(event: SseEvent): SseEvent {
  if (!event.isSteering) return event;
  const kept: Buffer[] = [];
  forEachLine(event.raw, (start, end, next) => {
    const name = event.raw.toString('latin1', start, endOfName(event.raw, start, end));
    if (name !== 'id' && name !== 'retry') kept.push(event.raw.subarray(start, next));
  });
  return { ...event, raw: Buffer.concat([...kept, Buffer.from('\n')]), isSteering: false };
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

/** Splits the broker's own bytes into events, each with the empty line that ends it. */
export function splitEvents(bytes: Buffer): Buffer[] {
  const events: Buffer[] = [];
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(EVENT_END, start);
    const next = end < 0 ? bytes.length : end + EVENT_END.length;
    events.push(start === 0 && next === bytes.length ? bytes : bytes.subarray(start, next));
    start = next;
  }
  return events;
}
