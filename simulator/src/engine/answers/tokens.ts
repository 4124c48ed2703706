// The simulator's tokenizer: one token per started four bytes of UTF-8, which is the broker's own estimate
// (protocols/token-estimate.ts). So a stream that is cut after k tokens holds exactly what the broker estimates as k, and
// a bill and a ledger can be compared to the last token.
import { BYTES_PER_TOKEN } from '../../../../src/protocols/providers/token-estimate.ts';
import { createRandom } from './random.ts';

/** 256 pronounceable words of three letters and a space: four bytes, so one token each, in every split of an answer. */
const WORDS: readonly string[] = [...'lmnrvzbd'].flatMap((first) =>
  [...'aeio'].flatMap((vowel) => [...'lmnrvbds'].map((last) => `${first}${vowel}${last} `)),
);

/** `count` tokens of text, exactly four bytes each. A shorter answer with the same seed is a prefix, except for its full stop. */
export function sayTokens(count: number, seed: number): string {
  if (count === 0) return '';
  const random = createRandom(seed);
  let text = '';
  for (let i = 0; i < count; i++) text += WORDS[random() & 0xff];
  return `${text.slice(0, -1)}.`;
}

function utf8Bytes(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/**
 * Reads a text token by token. A piece ends at the last character that ends within its token's four bytes; no character
 * has more than four, so no piece is empty, and after k pieces the text so far counts as k tokens.
 */
export class TokenReader {
  readonly #text: string;
  readonly #isAscii: boolean;
  #at = 0;
  #byteAt = 0;
  #byteLimit = 0;

  constructor(text: string) {
    this.#text = text;
    this.#isAscii = Buffer.byteLength(text) === text.length;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.#byteAt;
  }

  /** The next token's characters; empty at the end. */
  next(): string {
    const start = this.#at;
    this.#byteLimit += BYTES_PER_TOKEN;
    if (this.#isAscii) {
      this.#at = Math.min(this.#text.length, this.#byteLimit);
      this.#byteAt = this.#at;
    } else {
      while (this.#advance());
    }
    return this.#text.slice(start, this.#at);
  }

  #advance(): boolean {
    const codePoint = this.#text.codePointAt(this.#at);
    if (codePoint === undefined) return false;
    const bytes = utf8Bytes(codePoint);
    if (this.#byteAt + bytes > this.#byteLimit) return false;
    this.#byteAt += bytes;
    this.#at += codePoint >= 0x10000 ? 2 : 1;
    return true;
  }
}

/** The longest prefix of a text with at most this many bytes; characters are not split. */
export function takeBytes(text: string, bytes: number): string {
  if (bytes <= 0) return '';
  if (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes) return text;
  let used = 0;
  let at = 0;
  for (const character of text) {
    used += utf8Bytes(character.codePointAt(0)!);
    if (used > bytes) break;
    at += character.length;
  }
  return text.slice(0, at);
}
