// Kinds of values that several settings have, with the bounds of what they are used for: a value that cannot work is a fault of
// the file, not of every request.
import { z } from 'zod';

/** Node's timers fire at once if their delay is longer (nodejs.org/api/timers.html, 24.x). */
const LONGEST_TIMER_MS = 2_147_483_647;
/** Texts of Node have at most 2^29 − 24 characters, and bodies are read as texts. */
export const LARGEST_BODY_BYTES = 500 * 1024 * 1024;

export const positive = z.number().int().positive();

/** A time that is waited for: at most 24 days. */
export const milliseconds = positive.max(LONGEST_TIMER_MS);

/** A time for which something is stored: at most ten years. */
export const keptMilliseconds = positive.max(3_650 * 86_400_000);

export const bodyBytes = positive.max(LARGEST_BODY_BYTES);

/** A key or token that is sent in a header. */
export const secretText = z
  .string()
  .min(1)
  .regex(/^[\x20-\x7e]*$/, 'must be one line of printable ASCII characters (is there a line break at its end?)');

/** The connection owns these; undici refuses calls that set them. */
const OWNED =
  /^(connection|content-length|expect|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|http2-settings)$/i;

/** Headers that are sent with every call to a provider. */
export const headers = z.record(z.string(), z.string()).superRefine((record, context) => {
  for (const [name, value] of Object.entries(record)) {
    const message = faultOfHeader(name, value);
    if (message !== null) context.addIssue({ code: 'custom', path: [name], message });
  }
});

function faultOfHeader(name: string, value: string): string | null {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) return 'is not the name of a header';
  if (OWNED.test(name)) return 'cannot be set: it belongs to the connection';
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? null : 'must be one line of text that a header may have (Latin-1)';
}

/** The base URL of an API. Calls only use its origin and path. */
export const apiUrl = z.url({ protocol: /^https?$/ }).refine((text) => {
  const url = URL.parse(text);
  return url === null || (url.search === '' && url.hash === '' && url.username === '' && url.password === '');
}, 'must not have a query, a fragment, a user or a password: use the settings query, headers and api_key');
