// Label values that clients choose: of a bounded number, whatever they choose.

/** Of names that a client may choose: so many get a label value of their own, the rest share one. */
const MAX_CHOSEN_NAMES = 200;
export const OTHERS = 'other';

/** Names as long as somebody uses fewer than the cap, the first of them afterwards. */
export function boundedNames(): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= MAX_CHOSEN_NAMES) return OTHERS;
    known.add(name);
    return name;
  };
}
