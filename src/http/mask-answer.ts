// Removes configured secrets from providers' answers while they arrive: some providers quote the key that they were sent, and
// nothing may read, relay or store it.
import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { MaskedPieces, SecretMask } from '../contracts/secret-mask.ts';

/** The masks of one provider. */
export interface AnswerMasks {
  ofAnswers: SecretMask;
  ofFailures: SecretMask;
}

export interface AnswerEvents {
  onHead(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  onError(error: Error): void;
}

/** For callers that get the answer by callbacks. */
export function maskEvents({ ofAnswers, ofFailures }: AnswerMasks, events: AnswerEvents): AnswerEvents {
  let pieces: MaskedPieces | null = null;
  return {
    onHead(status, headers) {
      pieces = (status < 300 ? ofAnswers : ofFailures).open();
      events.onHead(status, headers);
    },
    onData(chunk) {
      const masked = pieces === null ? chunk : pieces.push(chunk);
      if (masked.length > 0) events.onData(masked);
    },
    onEnd() {
      const rest = pieces?.end();
      if (rest !== undefined && rest.length > 0) events.onData(rest);
      events.onEnd();
    },
    onError: events.onError,
  };
}

/** For callers that read the answer as a stream. */
export function maskReadable({ ofAnswers }: Pick<AnswerMasks, 'ofAnswers'>, body: Readable): Readable {
  const pieces = ofAnswers.open();
  return pieces === null ? body : Readable.from(maskedPieces(pieces, body), { objectMode: false });
}

async function* maskedPieces(pieces: MaskedPieces, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of body) yield pieces.push(piece);
  yield pieces.end();
}
