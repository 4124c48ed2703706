// JSON with missing or changed members.
import * as fc from 'fast-check';

/** Replaces a value at some place of a JSON tree, or removes its member. */
export const mutation = fc.record({
  place: fc.nat({ max: 200 }),
  value: fc.option(fc.jsonValue({ maxDepth: 1 })),
  isGone: fc.boolean(),
});
export type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;

export function mutate(value: unknown, { place, value: other, isGone }: Mutation): unknown {
  let left = place % (1 + countOf(value));
  const walk = (node: unknown): unknown => {
    if (left-- === 0) return isGone ? undefined : other;
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, inner]) => [key, walk(inner)]));
  };
  return walk(value);
}

function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + countOf(inner), 1);
}
