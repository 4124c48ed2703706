// Answers that come compressed although nobody asked for that (`content-encoding`): some providers' edges do so. Decoded as
// they come; what they decode to counts against the bound of answers like any other byte.
import type { Transform } from 'node:stream';
import { constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';

/** A window of 8 MiB: more is not needed for an answer, and would be memory before its first byte. */
const ZSTD_WINDOW_LOG = 23;

/** Whatever is there is given out at once: a stream's events must not wait for a block to be full. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  deflate: () => createInflate({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () =>
    createZstdDecompress({
      flush: constants.ZSTD_e_flush,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
    }),
};

/** What the provider sent cannot be read; another one may do better. */
export class ContentUnreadable extends Error {
  override name = 'ContentUnreadable';
}

/** Null for what is not encoded. Throws a ContentUnreadable for an encoding that is not known. */
export function createContentDecoder(header: string | string[] | undefined): Transform | null {
  const encoding = String(header ?? '')
    .trim()
    .toLowerCase();
  if (encoding === '' || encoding === 'identity') return null;
  const create = DECODERS[encoding];
  if (create === undefined) throw new ContentUnreadable(`content-encoding '${encoding.slice(0, 40)}' is not known`);
  return create();
}
