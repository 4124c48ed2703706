// Decoders for compressed bodies (`Content-Encoding`), of clients' requests and of providers' answers. Both count what comes
// out against their bounds, so a small body that decodes to gigabytes ends at the bound.
import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** A window of 8 MiB: bodies do not need more, and it is allocated before the first byte. */
const ZSTD_WINDOW_LOG = 23;
/** The first byte of a zlib stream with the usual window. */
const ZLIB_HEADER = 0x78;

/** Output is flushed at once: the events of a stream must not wait for a full block. */
const DECODERS: Readonly<Record<string, (firstByte: number) => Transform>> = {
  gzip: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  'x-gzip': () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
  // Some senders leave out zlib's header, whose lower half byte is always 8.
  deflate: (firstByte) =>
    ((firstByte & 0x0f) === 8 ? createInflate : createInflateRaw)({ flush: constants.Z_SYNC_FLUSH }),
  br: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () =>
    createZstdDecompress({
      flush: constants.ZSTD_e_flush,
      params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
    }),
};

/** The known codings, as `Accept-Encoding` names them. */
export const CONTENT_CODINGS = Object.keys(DECODERS)
  .filter((name) => name !== 'x-gzip')
  .join(', ');

/** The header's coding in lower case; null for a body that is not encoded. It may be one that is not known. */
export function codingOf(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  const coding = String(header).trim().toLowerCase();
  return coding === '' || coding === 'identity' ? null : coding;
}

export function isKnownCoding(coding: string): boolean {
  return Object.hasOwn(DECODERS, coding);
}

/** Throws a ContentUnreadable for a coding that is not known. @param firstByte of the body, if it is known. */
export function createDecoder(coding: string, firstByte: number = ZLIB_HEADER): Transform {
  if (!isKnownCoding(coding)) throw new ContentUnreadable(`content-encoding '${coding.slice(0, 40)}' is not known`);
  return DECODERS[coding]!(firstByte);
}

/** For an answer whose header this is; null if it is not encoded. Throws like `createDecoder`. */
export function createContentDecoder(header: string | string[] | undefined): Transform | null {
  const coding = codingOf(header);
  return coding === null ? null : createDecoder(coding);
}

/** The body cannot be decoded; another provider's answer may be. */
export class ContentUnreadable extends Error {
  override name = 'ContentUnreadable';
}
