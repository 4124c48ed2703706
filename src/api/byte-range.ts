// `Range` of a download, as far as one range goes (RFC 9110 section 14): a download that broke off goes on.
import type { IncomingHttpHeaders } from 'node:http';

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
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(headers.range?.trim() ?? '') ?? [];
  if (first === undefined || last === undefined || first + last === '') return null;
  // Of something else than this file: the whole of this one is what helps.
  if (headers['if-range'] !== undefined && headers['if-range'] !== tag) return null;
  if (first === '') return suffix(Number(last), bytes);
  const [from, to] = [Number(first), last === '' ? bytes : Math.min(Number(last) + 1, bytes)];
  if (last !== '' && Number(last) < from) return null;
  return from >= bytes ? 'unsatisfiable' : { from, to };
}

function suffix(length: number, bytes: number): ByteRange | 'unsatisfiable' {
  return length === 0 || bytes === 0 ? 'unsatisfiable' : { from: Math.max(0, bytes - length), to: bytes };
}
