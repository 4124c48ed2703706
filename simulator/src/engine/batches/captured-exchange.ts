// An exchange without a connection, which captures the answer to a batch line. Lines are answered synchronously, so the answer is
// complete when `serveCall` returns.
import type { Exchange } from '../serving/exchange.ts';

export interface CapturedAnswer {
  status: number;
  body: string;
}

export class CapturedExchange implements Exchange {
  #status = 0;
  #isWhole = false;
  #isClosed = false;
  readonly #pieces: Buffer[] = [];
  readonly #onClosed: (() => void)[] = [];

  /** Null if a connection would have broken, or not been answered. */
  get answer(): CapturedAnswer | null {
    return this.#isWhole ? { status: this.#status, body: Buffer.concat(this.#pieces).toString() } : null;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  head(status: number): void {
    this.#status = status;
  }

  flushHead(): void {}

  write(bytes: string | Buffer): boolean {
    this.#pieces.push(Buffer.from(bytes as string));
    return true;
  }

  onceWritable(proceed: () => void): void {
    proceed();
  }

  end(bytes: string | Buffer = ''): void {
    this.write(bytes);
    this.#isWhole = true;
    this.#close();
  }

  cut(): void {
    this.#close();
  }

  reset(): void {
    this.#close();
  }

  /** A line has no client that waits, so silence means that there is no answer. */
  hold(): void {
    this.#close();
  }

  onceClosed(notify: () => void): void {
    if (this.#isClosed) notify();
    else this.#onClosed.push(notify);
  }

  #close(): void {
    this.#isClosed = true;
    for (const notify of this.#onClosed.splice(0)) notify();
  }
}
