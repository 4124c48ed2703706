// Decodes compressed request bodies (`Content-Encoding`) as they arrive. The decoded size has the usual limit, so that a
// decompression bomb ends in a 413 as soon as it exceeds it.
import { PassThrough, type Readable, type Transform } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { CONTENT_CODINGS, codingOf, createDecoder, isKnownCoding } from '../../http/content-decoding.ts';

export function decompressBodies(app: FastifyInstance): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const coding = codingOf(request.headers['content-encoding']);
    if (coding === null) return done(null, payload);
    if (!isKnownCoding(coding)) {
      // As RFC 7694 has it.
      reply.header('accept-encoding', CONTENT_CODINGS);
      return done(unsupported(coding));
    }
    const source = payload as Readable;
    firstByte(source)
      .then((first) => decode(source, createDecoder(coding, first)))
      .then((decoded) => done(null, decoded), done);
  });
}

/** The byte stays in the body. 0 for an empty body, which the decoder then rejects. */
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

/** Fastify compares `content-length` with `receivedEncodedLength`, and its limit with the decoded bytes. */
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
  // The reader has stopped, for example at its limit.
  out.once('close', () => {
    source.unpipe(decoder);
    decoder.destroy();
  });
  source.pipe(decoder).pipe(out);
  return out;
}

function brokenOff(): FailureError {
  return new FailureError(createFailure('request_malformed', 'The request body is incomplete.'));
}

function unsupported(encoding: string): FailureError {
  const message = `Content-Encoding '${encoding.slice(0, 64)}' is not supported; send the body uncompressed, or as one of ${CONTENT_CODINGS}.`;
  return new FailureError(createFailure('content_type_unsupported', message));
}

function notDecodable(error: Error): FailureError {
  const message = `The request body could not be decoded with its Content-Encoding: ${error.message}.`;
  return new FailureError(createFailure('request_malformed', message));
}
