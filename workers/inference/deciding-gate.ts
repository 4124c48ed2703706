// Guards a request's writer while two attempts run concurrently: the first that has output for the client becomes the answer,
// and the output of the other is dropped. Both run in one process under one fence, so that a variable decides; no frame of the
// loser is ever made.
import type { HeadMeta } from '#src/contracts/frame.ts';
import type { ReplyWriter } from '#src/reply/publisher.ts';

export class DecidingGate {
  readonly writer: ReplyWriter;
  #winner: GatedWriter | null = null;
  readonly #onDecided: (winner: GatedWriter) => void;

  /** @param onDecided called once, before the winner's first byte is written. */
  constructor(writer: ReplyWriter, onDecided: (winner: GatedWriter) => void) {
    this.writer = writer;
    this.#onDecided = onDecided;
  }

  get winner(): GatedWriter | null {
    return this.#winner;
  }

  /** Creates the writer of one attempt. @param attempt its number. */
  enter(attempt: number): GatedWriter {
    return new GatedWriter(this, attempt);
  }

  /** Whether this attempt is the answer: the first caller wins. */
  claim(writer: GatedWriter): boolean {
    if (this.#winner === null) {
      this.#winner = writer;
      this.#onDecided(writer);
    }
    return this.#winner === writer;
  }
}

/** The writer of one attempt. Events of either attempt are numbered by the request's own writer. */
export class GatedWriter implements ReplyWriter {
  readonly #gate: DecidingGate;
  /** Its number, set when it is known. */
  attempt: number;

  constructor(gate: DecidingGate, attempt: number) {
    this.#gate = gate;
    this.attempt = attempt;
  }

  get hasAnswered(): boolean {
    return this.#gate.writer.hasAnswered;
  }

  get frames(): number {
    return this.#gate.writer.frames;
  }

  get isReady(): boolean {
    return this.#gate.winner !== this || this.#gate.writer.isReady;
  }

  head(meta: HeadMeta): void {
    if (this.#gate.claim(this)) this.#gate.writer.head(meta);
  }

  event(bytes: Buffer, showsId?: boolean): void {
    if (this.#gate.claim(this)) this.#gate.writer.event(bytes, showsId);
  }

  whole(meta: HeadMeta, body: Buffer): void {
    if (this.#gate.claim(this)) this.#gate.writer.whole(meta, body);
  }

  end(outcome: string): void {
    if (this.#gate.claim(this)) this.#gate.writer.end(outcome);
  }

  ready(): Promise<void> {
    return this.#gate.writer.ready();
  }

  settled(): Promise<void> {
    return this.#gate.writer.settled();
  }

  // The rest is used by the delivery only, on the request's own writer.

  fail(): void {
    throw new TypeError('a hedged attempt does not fail the request');
  }

  takeWhole(): null {
    return null;
  }

  beginAttempt(): void {
    throw new TypeError('a hedged attempt starts no other attempt');
  }

  abandon(): void {}
}
