import { crc32, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { encodePng } from '../../src/dialects/gemini-generate-content/read-image.ts';

/** Chunks by type, with their checksums verified. */
function chunksOf(file: Buffer): Map<string, Buffer> {
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const body = file.subarray(at + 4, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.toString('latin1', 0, 4), body.subarray(4));
    at += 12 + length;
  }
  return chunks;
}

test('an image is a PNG of this size, with its comment', () => {
  const file = encodePng({ width: 18, height: 32, comment: 'aspectRatio=9:16' });
  expect(file.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a');
  const chunks = chunksOf(file);
  expect([...chunks.keys()]).toEqual(['IHDR', 'tEXt', 'IDAT', 'IEND']);
  expect([chunks.get('IHDR')!.readUInt32BE(0), chunks.get('IHDR')!.readUInt32BE(4)]).toEqual([18, 32]);
  expect(chunks.get('tEXt')!.toString('latin1')).toBe('Comment\0aspectRatio=9:16');
  // A filter byte and 18 bits for each of 32 rows.
  expect(inflateSync(chunks.get('IDAT')!)).toHaveLength(32 * 4);
});
