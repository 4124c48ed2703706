// How the chunks of a stream are set apart: server-sent events with `alt=sse`, else one JSON array in pieces.
import { replaceData, type SseEvent } from '../sse-splitter.ts';

export interface Framing {
  /** A vendor's event, unchanged. */
  pass(event: SseEvent): Buffer;
  /** A vendor's event with other JSON. */
  replace(event: SseEvent, json: Buffer): Buffer;
  /** A chunk of our own. */
  write(json: string): string;
  /** Comments, which only one of the two can carry. */
  passComment(event: SseEvent): Buffer | null;
  /** What stands after the last chunk. */
  end(): string;
}

const DATA = Buffer.from('data:');

/**
 * The SDK takes the text after a leading `data:` up to the empty line as one JSON text and skips events that begin with
 * anything else (npm @google/genai 3.1.0, `processStreamResponse`): other lines and line feeds in the JSON are ironed out.
 */
export class SseFraming implements Framing {
  pass(event: SseEvent): Buffer {
    const isPlain = event.raw.subarray(0, DATA.length).equals(DATA) && !event.data?.includes('\n');
    return isPlain ? event.raw : Buffer.from(this.write(event.data ?? ''));
  }

  replace(event: SseEvent, json: Buffer): Buffer {
    const pass = this.pass(event);
    return pass === event.raw ? replaceData(event, json) : Buffer.from(this.write(json.toString()));
  }

  write(json: string): string {
    return `data: ${json.replaceAll('\n', ' ')}\n\n`;
  }

  passComment(event: SseEvent): Buffer | null {
    return event.name === null && event.raw[0] === COLON ? event.raw : null;
  }

  end(): string {
    return '';
  }
}

const COLON = 0x3a;

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

  passComment(): null {
    return null;
  }

  end(): string {
    return this.#hasBegun ? '\n]\n' : '[]\n';
  }
}
