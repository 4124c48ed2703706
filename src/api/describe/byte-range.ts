// `Range` of a download (RFC 9110 section 14): a download that broke off is resumed.
import type { IncomingHttpHeaders } from 'node:http';
import { parse } from 'range-parser';

export interface ByteRange {
  from: number;
  /** One past the last byte. */
  to: number;
}

/** Null: the whole is asked for. What is no range of bytes, or is several, is ignored, as the RFC allows. */
export function readByteRange(
  headers: IncomingHttpHeaders,
  tag: string,
  bytes: number,
): ByteRange | null | 'unsatisfiable' {
  const { range } = headers;
  if (range === undefined) return null;
  // Of another file: the whole of this one is what helps.
  if (headers['if-range'] !== undefined && headers['if-range'] !== tag) return null;
  const { code, type, ranges } = parse(bytes, range);
  // Its codes add up: 1 where a part is no range, 2 where none of the file is meant.
  if (type !== 'bytes' || (code & INVALID) !== 0) return null;
  const [only, ...others] = ranges;
  if (only === undefined) return 'unsatisfiable';
  return others.length === 0 ? { from: only.start, to: only.end + 1 } : null;
}

const INVALID = 1;
