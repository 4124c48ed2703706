// An answer as a sequence of steps, the tokens of all choices in turn. A stream sends this sequence at a pace.
import { tokensOfBytes } from '../../../../src/protocols/providers/token-estimate.ts';
import { type Answer, type AnswerChoice, type AnswerPart, billedBytes } from './answer.ts';
import { TokenReader } from './tokens.ts';

export interface Step {
  choice: number;
  part: AnswerPart;
  /** Position of the part in its choice. */
  partIndex: number;
  /** Empty in the first step of a tool call, which sends its name, and in the only step of an image. */
  text: string;
  isFirstOfPart: boolean;
  isLastOfPart: boolean;
  /** Tokens that this step adds to the choice: usually one. A tool's name is sent whole and may have several. */
  tokens: number;
}

class ChoiceCursor {
  readonly #choice: number;
  readonly #parts: readonly AnswerPart[];
  #partIndex = 0;
  #reader: TokenReader | null = null;
  /** Bytes of the parts before the current one, and tokens counted so far: adjacent parts may share a token. */
  #bytesBefore = 0;
  #tokens = 0;

  constructor(choice: number, { parts }: AnswerChoice) {
    this.#choice = choice;
    this.#parts = parts;
  }

  next(): Step | null {
    const part = this.#parts[this.#partIndex];
    if (part === undefined) return null;
    if (this.#reader === null) {
      this.#reader = new TokenReader(readableText(part));
      if (part.kind === 'tool_call') return this.#sayWhole(part, Buffer.byteLength(part.name));
      if (part.kind === 'image') return this.#sayWhole(part, billedBytes(part));
      if (this.#reader.isAtEnd) return this.#skip();
      return this.#read(part, this.#reader, true);
    }
    return this.#read(part, this.#reader, false);
  }

  /** A step without text: a tool's name, an image. */
  #sayWhole(part: AnswerPart, bytes: number): Step {
    this.#bytesBefore += bytes;
    return this.#step(part, '', this.#reader!, true);
  }

  #skip(): Step | null {
    this.#nextPart();
    return this.next();
  }

  #read(part: AnswerPart, reader: TokenReader, isFirstOfPart: boolean): Step {
    return this.#step(part, reader.next(), reader, isFirstOfPart);
  }

  #step(part: AnswerPart, text: string, reader: TokenReader, isFirstOfPart: boolean): Step {
    const total = tokensOfBytes(this.#bytesBefore + reader.bytes);
    const tokens = total - this.#tokens;
    this.#tokens = total;
    const isLastOfPart = reader.isAtEnd;
    const step = {
      choice: this.#choice,
      part,
      partIndex: this.#partIndex,
      text,
      isFirstOfPart,
      isLastOfPart,
      tokens,
    };
    if (isLastOfPart) this.#nextPart();
    return step;
  }

  #nextPart(): void {
    this.#bytesBefore += this.#reader?.bytes ?? 0;
    this.#reader = null;
    this.#partIndex += 1;
  }
}

/** The text that is sent token by token. */
function readableText(part: AnswerPart): string {
  if (part.kind === 'tool_call') return part.input;
  return part.kind === 'image' ? '' : part.text;
}

/** Returns the steps of all choices, one of each in turn. */
export class AnswerCursor {
  #cursors: ChoiceCursor[];
  #turn = 0;

  constructor(answer: Answer) {
    this.#cursors = answer.choices.map((choice, index) => new ChoiceCursor(index, choice));
  }

  /** Null at the end. */
  next(): Step | null {
    while (this.#cursors.length > 0) {
      const position = this.#turn % this.#cursors.length;
      const step = this.#cursors[position]!.next();
      if (step !== null) {
        this.#turn = position + 1;
        return step;
      }
      this.#cursors.splice(position, 1);
      this.#turn = position;
    }
    return null;
  }
}
