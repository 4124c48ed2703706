// Bounds the number of label values that clients choose.

/** This many names chosen by clients get their own label value; the others share one. */
const MAX_CHOSEN_NAMES = 200;
export const OTHERS = 'other';

/** Returns names unchanged up to the cap; later names are mapped to one shared value. */
export function boundedNames(): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= MAX_CHOSEN_NAMES) return OTHERS;
    known.add(name);
    return name;
  };
}
