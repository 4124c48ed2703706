// Anthropic takes `[a-zA-Z0-9_-]` in the ids of calls. Other providers' ids have more (`functions.get_weather:0`): for
// clients each strange character becomes `_x<code point>_`, and comes back as it was when the client sends it again.

/** An underscore is escaped too where it would begin something that reads as an escape. */
const STRANGE = /[^a-zA-Z0-9_-]|_(?=x[0-9a-f]+[^a-zA-Z0-9-])/gu;
const ESCAPE = /_x([0-9a-f]{1,6})_/g;
const LAST_CODE_POINT = 0x10ffff;

/** Different texts give different identifiers. */
export function escapeIdentifier(text: string): string {
  return text.replace(STRANGE, (character) => `_x${character.codePointAt(0)!.toString(16)}_`);
}

export function unescapeIdentifier(identifier: string): string {
  return identifier.replace(ESCAPE, (escaped, hex: string) => {
    const codePoint = Number.parseInt(hex, 16);
    return codePoint > LAST_CODE_POINT ? escaped : String.fromCodePoint(codePoint);
  });
}
