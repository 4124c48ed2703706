// What the broker needs of a provider's own batch API. Pure, like protocol.ts: what to send and how to read what comes
// back; sending, accounting and billing are in workers/batches/native. Wire facts: docs/reference/openai-batch.md.
import { parseCarried } from './wire/exact-json.ts';

export interface BatchCall {
  method: 'GET' | 'POST' | 'DELETE';
  /** With its query; appended to the provider's base URL. */
  path: string;
  contentType?: string;
  body?: Buffer;
}

/** Lines that are submitted together. */
export interface BatchChunk {
  /** The broker's own id, which the provider returns if its protocol has a field for it. */
  id: string;
  upstreamModel: string;
  /** As returned by `encodeLine`. */
  lines: readonly Buffer[];
}

export interface BatchLimits {
  lines: number;
  /** Total size of the encoded lines. */
  bytes: number;
}

/** A batch as its provider describes it. */
export interface ProviderBatch {
  id: string;
  /** The broker's id of the chunk; null if the protocol has no field for it. */
  chunkId: string | null;
  hasEnded: boolean;
  /** Unix milliseconds; null if not given. */
  createdAtMs: number | null;
  /** Null if not given, or not known yet. */
  lines: number | null;
  /** Why none of it ran, in the provider's words. */
  fault: string | null;
  inputFile: string | null;
  resultFiles: readonly string[];
}

export interface ProviderBatchPage {
  /** Newest first. */
  batches: ProviderBatch[];
  /** Argument of `list` for the next page; null if there is none. */
  next: string | null;
}

/** The outcome of one line. */
export type ProviderLine =
  /** A success or an error, as from an ordinary call. */
  | { kind: 'answered'; id: string; status: number; body: Buffer }
  /** It expired or was cancelled, and is not billed. */
  | { kind: 'not-run'; id: string };

export interface BatchProtocol {
  /** Name of the provider protocol. */
  upstream: string;
  limits: BatchLimits;
  /** Whether its lists show the broker's own id of a chunk. */
  showsChunkId: boolean;
  /** How much a line counts against `limits.lines`; absent: one. */
  countUnits?(body: Buffer): number;
  /** @param id made of letters, digits, `_` and `-`, 64 at most. @param body of an ordinary, unstreamed call. */
  encodeLine(id: string, body: Buffer): Buffer;
  /** The upload that comes first; null if the lines are part of the create call. */
  upload: ((chunk: BatchChunk) => BatchCall) | null;
  /** The uploaded file's id; null if it cannot be read. */
  readUpload(body: unknown): string | null;
  create(chunk: BatchChunk, fileId: string | null): BatchCall;
  retrieve(batchId: string): BatchCall;
  cancel(batchId: string): BatchCall;
  /** @param page null for the first. */
  list(page: string | null): BatchCall;
  /** Null if the body is not a batch. */
  readBatch(body: unknown): ProviderBatch | null;
  readList(body: unknown): ProviderBatchPage;
  /** The calls that fetch all results. */
  results(batch: ProviderBatch): BatchCall[];
  /** `lines`: one JSON text a line. `whole`: one JSON text with all results in it. */
  resultFormat: 'lines' | 'whole';
  /** The results in one JSON text of that format; unreadable ones are left out. */
  readResults(json: Buffer): ProviderLine[];
  /** What can be deleted once the results are stored. */
  remove(batch: ProviderBatch): BatchCall[];
}

export type Json = Record<string, unknown>;

export function asObject(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
}

export function asText(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Unix milliseconds of an RFC 3339 time; null for anything else. */
export function asTime(value: unknown): number | null {
  const atMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? null : atMs;
}

/** A whole number, or one written as text, as proto3 JSON does for int64. */
export function asCount(value: unknown): number | null {
  const count = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof count === 'number' && Number.isSafeInteger(count) ? count : null;
}

export function parseJson(body: Buffer): unknown {
  return parsed(body, JSON.parse);
}

/** For answers that are serialised again: their numbers keep their exact form. */
export function parseCarriedBytes(body: Buffer): unknown {
  return parsed(body, parseCarried);
}

function parsed(body: Buffer, parse: (text: string) => unknown): unknown {
  try {
    return parse(body.toString());
  } catch {
    return null;
  }
}

const COMMA = Buffer.from(',');

/** Items of a JSON array, between what comes before and after them. */
export function joinItems(before: string, items: readonly Buffer[], after: string): Buffer {
  const parts: Buffer[] = [Buffer.from(before)];
  for (const [index, item] of items.entries()) {
    if (index > 0) parts.push(COMMA);
    parts.push(item);
  }
  parts.push(Buffer.from(after));
  return Buffer.concat(parts);
}
