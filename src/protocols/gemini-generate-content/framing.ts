// How the chunks of a stream are set apart: server-sent events with `alt=sse`, else one JSON array in pieces.
import { replaceData, type SseEvent } from '../sse-splitter.ts';

export interface Framing {
  /** A provider's event, unchanged. */
  pass(event: SseEvent): Buffer;
  /** A provider's event with other JSON. */
  replace(event: SseEvent, json: Buffer): Buffer;
  /** A chunk of our own. */
  write(json: string): string;
  /** What stands after the last chunk. */
  end(): string;
}

const DATA = Buffer.from('data: ');
const LINE_ENDS = [Buffer.from('\n\n'), Buffer.from('\r\n\r\n')];

/**
 * Every event is one line that begins with `data: `: the SDK for npm takes all up to the empty line as one JSON text and
 * skips events that begin with anything else (@google/genai 3.1.0, `processStreamResponse`), the one for Python raises at
 * every other line (google-genai 3.6.1).
 */
export class SseFraming implements Framing {
  pass(event: SseEvent): Buffer {
    return isOneLine(event) ? event.raw : Buffer.from(this.write(event.data ?? ''));
  }

  replace(event: SseEvent, json: Buffer): Buffer {
    const pass = this.pass(event);
    return pass === event.raw ? replaceData(event, json) : Buffer.from(this.write(json.toString()));
  }

  write(json: string): string {
    return `data: ${json.replaceAll('\n', ' ')}\n\n`;
  }

  end(): string {
    return '';
  }
}

function isOneLine({ raw, data }: SseEvent): boolean {
  if (data === null || data.includes('\n') || !raw.subarray(0, DATA.length).equals(DATA)) return false;
  const rest = raw.subarray(DATA.length + Buffer.byteLength(data));
  return LINE_ENDS.some((end) => end.equals(rest));
}

/** Google's own separators: `[{…}`, `,\r\n{…}`, `]`. */
export class ArrayFraming implements Framing {
  #hasBegun: boolean;

  constructor({ hasBegun } = { hasBegun: false }) {
    this.#hasBegun = hasBegun;
  }

  pass(event: SseEvent): Buffer {
    return Buffer.from(this.write(event.data ?? 'null'));
  }

  replace(_event: SseEvent, json: Buffer): Buffer {
    return Buffer.from(this.write(json.toString()));
  }

  write(json: string): string {
    const separator = this.#hasBegun ? ',\r\n' : '[';
    this.#hasBegun = true;
    return separator + json;
  }

  end(): string {
    return this.#hasBegun ? '\n]\n' : '[]\n';
  }
}
