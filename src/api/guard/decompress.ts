// Compressed bodies (`Content-Encoding`): decoded as they come. What they decode to has the bound of any other body, so
// a small body that stands for gigabytes ends in a 413 when it has shown as much.
import { PassThrough, type Readable, type Transform } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { CONTENT_CODINGS, codingOf, createDecoder, isKnownCoding } from '../../http/content-decoding.ts';

export function decompressBodies(app: FastifyInstance): void {
  app.addHook('preParsing', async (request, reply, payload) => {
    const coding = codingOf(request.headers['content-encoding']);
    if (coding === null) return payload;
    if (!isKnownCoding(coding)) {
      // As RFC 7694 has it.
      reply.header('accept-encoding', CONTENT_CODINGS);
      throw unsupported(coding);
    }
    const source = payload as Readable;
    return decode(source, createDecoder(coding, await firstByte(source)));
  });
}

/** It stays in the body; 0 where there is none, and the decoder says so. */
function firstByte(source: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    const over = (settle: () => void) => {
      source.off('readable', look).off('end', look).off('error', fail).off('close', fail);
      settle();
    };
    const look = () => {
      const chunk = source.read() as Buffer | null;
      if (chunk !== null) source.unshift(chunk);
      over(() => resolve(chunk?.[0] ?? 0));
    };
    const fail = (error?: Error) => over(() => reject(error instanceof FailureError ? error : brokenOff()));
    source.once('readable', look).once('end', look).once('error', fail).once('close', fail);
  });
}

/** Fastify holds `content-length` against `receivedEncodedLength`, and its limit against what comes out. */
function decode(source: Readable, decoder: Transform): Readable {
  const out = Object.assign(new PassThrough(), { receivedEncodedLength: 0 });
  const fail = (error: Error) => {
    source.unpipe(decoder);
    decoder.destroy();
    out.destroy(error);
  };
  source.on('data', (piece: Buffer) => {
    out.receivedEncodedLength += piece.length;
  });
  source.on('error', fail);
  source.once('close', () => {
    if (!source.readableEnded) fail(brokenOff());
  });
  decoder.on('error', (error) => fail(notDecodable(error)));
  // The reader gave up: it has had enough.
  out.once('close', () => {
    source.unpipe(decoder);
    decoder.destroy();
  });
  source.pipe(decoder).pipe(out);
  return out;
}

function brokenOff(): FailureError {
  return new FailureError(createFailure('request_malformed', 'The request body broke off.'));
}

function unsupported(encoding: string): FailureError {
  const message = `Content-Encoding '${encoding.slice(0, 64)}' is not supported here; send the body plain, or as one of ${CONTENT_CODINGS}.`;
  return new FailureError(createFailure('content_type_unsupported', message));
}

function notDecodable(error: Error): FailureError {
  const message = `The request body could not be decoded by its Content-Encoding: ${error.message}.`;
  return new FailureError(createFailure('request_malformed', message));
}
