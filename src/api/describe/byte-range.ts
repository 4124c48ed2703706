// `Range` of a download (RFC 9110 section 14), for resuming it.
import type { IncomingHttpHeaders } from 'node:http';
import { parse } from 'range-parser';

export interface ByteRange {
  from: number;
  /** One past the last byte. */
  to: number;
}

/** Null for the whole file. Other units and multiple ranges are ignored, as the RFC allows. */
export function readByteRange(
  headers: IncomingHttpHeaders,
  tag: string,
  bytes: number,
): ByteRange | null | 'unsatisfiable' {
  const { range } = headers;
  if (range === undefined) return null;
  // `If-Range` names another file: send all of this one.
  if (headers['if-range'] !== undefined && headers['if-range'] !== tag) return null;
  const { code, type, ranges } = parse(bytes, range);
  // Error codes of range-parser: a bit for malformed parts, a bit for ranges beyond the file.
  if (type !== 'bytes' || (code & INVALID) !== 0) return null;
  const [only, ...others] = ranges;
  if (only === undefined) return 'unsatisfiable';
  return others.length === 0 ? { from: only.start, to: only.end + 1 } : null;
}

const INVALID = 1;
