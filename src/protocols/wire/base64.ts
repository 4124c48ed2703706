// google-genai for Python writes bytes in the URL-safe alphabet (`-`, `_`), as proto3 JSON allows; others
// break lines. Anthropic and OpenAI refuse both, so bytes of a request are read into the standard form.

/** Searched for one at a time: on megabytes many times faster than a regular expression. */
const FOREIGN = ['-', '_', '\n', '\r', '\t', ' ', '%'];

/** The same bytes in the alphabet of RFC 4648 section 4, padded, on one line. Standard base64 is returned as it is. */
export function standardBase64(text: string): string {
  if (!FOREIGN.some((character) => text.includes(character))) return text;
  const joined = unescaped(text).replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/');
  return joined.padEnd(Math.ceil(joined.length / 4) * 4, '=');
}

/** In data URLs the padding may be escaped. */
function unescaped(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
