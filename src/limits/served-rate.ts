// How fast lines are served while somebody stands in them, from what was counted at each look. Only such times tell what
// is possible: an empty line is served as fast as requests come.
import { LRUCache } from 'lru-cache';

export interface Served {
  count: number;
  overMs: number;
}

export interface ServedRates {
  /** @param total how many have left the line with a permit, ever. */
  look(line: string, total: number, isEmpty: boolean, nowMs: number): Served;
}

/** What was possible longer ago may not be any more. */
const REMEMBERED_MS = 20_000;
/** Nobody looked for so long: the line may have been empty meanwhile. */
const GAP_MS = 5_000;
const MAX_LINES = 2_000;

interface Look {
  atMs: number;
  total: number;
}

export function createServedRates(): ServedRates {
  const looks = new LRUCache<string, Look[]>({ max: MAX_LINES });
  return {
    look(line, total, isEmpty, nowMs) {
      const seen = looks.get(line) ?? [];
      const last = seen.at(-1);
      const isBroken = last !== undefined && (nowMs - last.atMs > GAP_MS || total < last.total);
      const kept = isEmpty || isBroken ? [] : seen.filter(({ atMs }) => nowMs - atMs <= REMEMBERED_MS);
      if (isEmpty) looks.delete(line);
      else looks.set(line, [...kept, { atMs: nowMs, total }]);
      const first = kept[0];
      return first === undefined ? { count: 0, overMs: 0 } : { count: total - first.total, overMs: nowMs - first.atMs };
    },
  };
}
