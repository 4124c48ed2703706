// One set of decoders for requests and answers.
import { text } from 'node:stream/consumers';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  CONTENT_CODINGS,
  ContentUnreadable,
  codingOf,
  createContentDecoder,
  createDecoder,
} from '#src/http/content-decoding.ts';

const BODY = 'data: {"text":"hello"}\n\n';
const ENCODED: Record<string, Buffer> = {
  gzip: gzipSync(BODY),
  'x-gzip': gzipSync(BODY),
  deflate: deflateSync(BODY),
  br: brotliCompressSync(BODY),
  zstd: zstdCompressSync(BODY),
};

function decode(decoder: NodeJS.ReadWriteStream, bytes: Buffer): Promise<string> {
  decoder.end(bytes);
  return text(decoder as unknown as AsyncIterable<string>);
}

describe('content codings', () => {
  test.each(Object.entries(ENCODED))('%s', async (coding, bytes) => {
    expect(await decode(createContentDecoder(` ${coding.toUpperCase()} `)!, bytes)).toBe(BODY);
  });

  test('raw deflate is recognised by its first byte', async () => {
    const bytes = deflateRawSync(BODY);
    expect(await decode(createDecoder('deflate', bytes[0]), bytes)).toBe(BODY);
  });

  test('an unencoded answer needs no decoder', () => {
    for (const header of [undefined, '', 'identity', ' Identity ']) expect(createContentDecoder(header)).toBeNull();
  });

  test('an unknown coding is named in the error', () => {
    expect(codingOf('constructor')).toBe('constructor');
    expect(() => createContentDecoder('constructor')).toThrow(ContentUnreadable);
    expect(() => createContentDecoder('gzip, br')).toThrow("content-encoding 'gzip, br' is not known");
  });

  test('the list for Accept-Encoding has each coding once', () => {
    expect(CONTENT_CODINGS).toBe('gzip, deflate, br, zstd');
  });
});
