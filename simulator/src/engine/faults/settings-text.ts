// The syntax of commands and fault rules: words and `key=value` pairs separated by spaces; a value with spaces is in double
// quotes.

export interface Setting {
  /** Null for a word alone. */
  key: string | null;
  value: string;
}

const SETTING = /(?:([A-Za-z-]+)=)?(?:"([^"]*)"|(\S+))/g;

export function readSettings(text: string): Setting[] {
  return Array.from(text.matchAll(SETTING), ([, key, quoted, bare]) => ({ key: key ?? null, value: quoted ?? bare! }));
}

/** A whole or fractional number of at least 0; throws an error with a message for the user otherwise. */
export function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) {
    throw new RangeError(`"${name}" must be a number of at least 0, not "${text}"`);
  }
  return value;
}

export function readWhole(name: string, text: string): number {
  const value = readNumber(name, text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`"${name}" must be a whole number, not "${text}"`);
  return value;
}
