// The bound of a cache with many entries. lru-cache reserves memory for all entries of `max` when it is made: the caches of a
// process, of which most stay nearly empty, took 7 MB and 17 ms at its start. Bounded by sizes, a cache grows as it is used.

const ONE = () => 1;

export function atMost(entries: number): { maxSize: number; sizeCalculation: () => number } {
  return { maxSize: entries, sizeCalculation: ONE };
}
