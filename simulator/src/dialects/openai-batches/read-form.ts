// A multipart form as text: enough for the files of batches, which are text.
import type { RequestHead } from '../dialect.ts';

export interface FormPart {
  filename: string | null;
  text: string;
}

/** Parts by name; null where it is no form. */
export function readForm({ headers }: RequestHead, body: string): Map<string, FormPart> | null {
  const [, quoted, bare] =
    /^multipart\/form-data;.*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(headers['content-type'] ?? '') ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return null;
  const parts = new Map<string, FormPart>();
  for (const piece of `\r\n${body}`.split(`\r\n--${boundary}`).slice(1, -1)) {
    const end = piece.indexOf('\r\n\r\n');
    const head = piece.slice(0, end);
    const name = /[; ]name="([^"]*)"/i.exec(head)?.[1];
    if (end < 0 || name === undefined) return null;
    parts.set(name, { filename: /filename="([^"]*)"/i.exec(head)?.[1] ?? null, text: piece.slice(end + 4) });
  }
  return parts;
}
