// Lines of a file of any size, with their offsets: a megabyte of it is in memory, whatever the file's size.

/** Up to `length` bytes from `offset`, fewer only at the end. */
export type ReadBytes = (offset: number, length: number) => Promise<Buffer>;

export interface InputLine {
  /** From 1, empty lines counted. */
  number: number;
  offset: number;
  /** Without its end. */
  length: number;
  /** Null when it is longer than a line may be. */
  bytes: Buffer | null;
}

export interface LinePlace {
  number: number;
  offset: number;
}

export const FIRST_LINE: LinePlace = Object.freeze({ number: 1, offset: 0 });

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const BLANK = new Set([0x20, 0x09, 0x0d]);

export class LineReader {
  readonly #read: ReadBytes;
  readonly #maxLineBytes: number;
  #number: number;
  /** Offset of the first byte of `#buffer`, and where in it the next line begins. */
  #bufferOffset: number;
  #at = 0;
  #buffer: Buffer = Buffer.alloc(0);
  #isAtEnd = false;

  constructor(read: ReadBytes, from: LinePlace, maxLineBytes: number) {
    this.#read = read;
    this.#number = from.number;
    this.#bufferOffset = from.offset;
    this.#maxLineBytes = maxLineBytes;
  }

  /** Where the next line begins. */
  get place(): LinePlace {
    return { number: this.#number, offset: this.#bufferOffset + this.#at };
  }

  /** At least one line, at most `limit`, blank ones left out; none at the end of the file. */
  async next(limit: number): Promise<InputLine[]> {
    const lines: InputLine[] = [];
    while (lines.length < limit) {
      const line = this.#take() ?? (lines.length > 0 ? null : await this.#readOne());
      if (line === null) break;
      if (!isBlank(line.bytes)) lines.push(line);
    }
    return lines;
  }

  /** The next line if all of it is in memory. */
  #take(): InputLine | null {
    const end = this.#buffer.indexOf(NEWLINE, this.#at);
    return end < 0 ? null : this.#cut(end, end + 1);
  }

  async #readOne(): Promise<InputLine | null> {
    for (;;) {
      const line = this.#take();
      if (line !== null) return line;
      if (this.#isAtEnd)
        return this.#at < this.#buffer.length ? this.#cut(this.#buffer.length, this.#buffer.length) : null;
      if (this.#buffer.length - this.#at > this.#maxLineBytes) return this.#skipLong();
      await this.#fill();
    }
  }

  async #fill(): Promise<void> {
    const rest = this.#buffer.subarray(this.#at);
    const more = await this.#read(this.#bufferOffset + this.#buffer.length, CHUNK_BYTES);
    this.#bufferOffset += this.#at;
    this.#at = 0;
    this.#buffer = rest.length === 0 ? more : Buffer.concat([rest, more]);
    this.#isAtEnd = more.length < CHUNK_BYTES;
  }

  #cut(end: number, next: number): InputLine {
    const offset = this.#bufferOffset + this.#at;
    const bytes = withoutMark(this.#buffer.subarray(this.#at, end), offset);
    this.#at = next;
    const isTooLong = bytes.length > this.#maxLineBytes;
    return { number: this.#number++, offset, length: bytes.length, bytes: isTooLong ? null : bytes };
  }

  /** Nothing of a line that is too long is kept. */
  async #skipLong(): Promise<InputLine> {
    const { number, offset } = this.place;
    let end = -1;
    while (end < 0 && !this.#isAtEnd) {
      this.#at = this.#buffer.length;
      await this.#fill();
      end = this.#buffer.indexOf(NEWLINE);
    }
    this.#at = end < 0 ? this.#buffer.length : end + 1;
    this.#number += 1;
    return { number, offset, length: this.place.offset - offset, bytes: null };
  }
}

/** Editors on Windows write one at the beginning of a file. */
function withoutMark(bytes: Buffer, offset: number): Buffer {
  return offset === 0 && bytes.subarray(0, 3).equals(BYTE_ORDER_MARK) ? bytes.subarray(3) : bytes;
}

function isBlank(bytes: Buffer | null): boolean {
  // Nearly every line begins with its brace: one byte tells.
  return bytes !== null && (bytes.length === 0 || (BLANK.has(bytes[0]!) && bytes.every((byte) => BLANK.has(byte))));
}
