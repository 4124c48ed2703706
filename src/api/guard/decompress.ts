// Compressed bodies (`Content-Encoding`): decoded as they come. What they decode to has the bound of any other body, so
// a small body that stands for gigabytes ends in a 413 when it has shown as much.
import { PassThrough, type Readable, type Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';

/** A window of 8 MiB: more is not needed for bodies of some megabytes, and would be memory before the first byte. */
const ZSTD_WINDOW_LOG = 23;

const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: () => createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
};

export function decompressBodies(app: FastifyInstance): void {
  app.addHook('preParsing', async (request, _reply, payload) => {
    const encoding = String(request.headers['content-encoding'] ?? 'identity')
      .trim()
      .toLowerCase();
    if (encoding === 'identity' || encoding === '') return payload;
    const create = request.routeOptions.config?.hasStreamedBody === true ? undefined : DECODERS[encoding];
    if (create === undefined) throw unsupported(encoding);
    return decode(payload as Readable, create());
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
    if (!source.readableEnded)
      fail(new FailureError(createFailure('request_malformed', 'The request body broke off.')));
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

function unsupported(encoding: string): FailureError {
  const known = Object.keys(DECODERS)
    .filter((name) => name !== 'x-gzip')
    .join(', ');
  const message = `Content-Encoding '${encoding.slice(0, 64)}' is not supported here; send the body plain, or as one of ${known}.`;
  return new FailureError(createFailure('content_type_unsupported', message));
}

function notDecodable(error: Error): FailureError {
  const message = `The request body could not be decoded by its Content-Encoding: ${error.message}.`;
  return new FailureError(createFailure('request_malformed', message));
}
