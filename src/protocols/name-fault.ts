// What no name and no id of a client may have in it, wherever it stands: in a body, an address, a header, a file.

/** Control characters, halves of surrogate pairs, line separators. */
const UNNAMEABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** What is wrong with a name or an id, as the rest of "… must …"; null for a good one. */
export function faultOfName(name: string, maxChars: number): string | null {
  if (name.length > maxChars) return `have at most ${maxChars} characters`;
  return UNNAMEABLE.test(name) ? 'not contain control characters' : null;
}
