// Shared by both providers' usage reports: entries of the bill by time bucket, page and group.
import type { BillEntry } from '../../engine/records/bill.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Widths of buckets, and the default and maximum number of buckets per answer (both providers' documentation, 2026-11). */
export const WIDTHS: Readonly<Record<string, { ms: number; usual: number; most: number }>> = {
  '1d': { ms: DAY_MS, usual: 7, most: 31 },
  '1h': { ms: HOUR_MS, usual: 24, most: 168 },
  '1m': { ms: MINUTE_MS, usual: 60, most: 1_440 },
};

export interface Span {
  startMs: number;
  /** Exclusive. */
  endMs: number;
  widthMs: number;
  /** Buckets in one answer. */
  limit: number;
}

export interface Bucket {
  startMs: number;
  endMs: number;
  entries: BillEntry[];
}

export interface Page {
  buckets: Bucket[];
  /** Start of the next page; null after the last. */
  nextMs: number | null;
}

/** @param fromMs start of the first bucket: of the whole span, or as given by the previous page. */
export function readPage(
  entries: readonly BillEntry[],
  { startMs, endMs, widthMs, limit }: Span,
  fromMs: number,
): Page {
  const first = Math.max(fromMs, startMs);
  const snapped = first - (first % widthMs);
  const count = Math.min(limit, Math.max(0, Math.ceil((endMs - snapped) / widthMs)));
  const buckets = Array.from({ length: count }, (_, index) => ({
    startMs: snapped + index * widthMs,
    endMs: snapped + (index + 1) * widthMs,
    entries: [] as BillEntry[],
  }));
  for (const entry of entries) buckets[Math.floor((entry.atMs - snapped) / widthMs)]?.entries.push(entry);
  const after = snapped + count * widthMs;
  return { buckets, nextMs: after < endMs ? after : null };
}

/** In the order in which the groups first appear. */
export function inGroups<G extends object>(
  entries: readonly BillEntry[],
  groupOf: (entry: BillEntry) => G,
): { group: G; entries: BillEntry[] }[] {
  const groups = new Map<string, { group: G; entries: BillEntry[] }>();
  for (const entry of entries) {
    const group = groupOf(entry);
    const name = JSON.stringify(group);
    const known = groups.get(name);
    if (known === undefined) groups.set(name, { group, entries: [entry] });
    else known.entries.push(entry);
  }
  return [...groups.values()];
}

export function sumOf(entries: readonly BillEntry[], count: (entry: BillEntry) => number): number {
  return entries.reduce((sum, entry) => sum + count(entry), 0);
}

/** Reads a list in either form: `name=a&name=b` or `name[]=a&name[]=b`. */
export function listIn(query: URLSearchParams, name: string): string[] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)].filter((value) => value !== '');
}
