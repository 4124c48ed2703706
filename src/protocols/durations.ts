// Times as vendors write them in headers.

const GO_DURATION_PART = /(\d+(?:\.\d+)?)(ms|h|m|s)/g;
const GO_DURATION = /^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/;
const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** `6m0s`, `8.64s`, `2ms` (OpenAI's `x-ratelimit-reset-*`), or null. */
export function parseGoDuration(text: string): number | null {
  if (!GO_DURATION.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(GO_DURATION_PART)) total += Number(amount) * UNIT_MS[unit as 'h'];
  return total;
}

/** `retry-after`: whole or fractional seconds, or an HTTP date. Null when absent, unreadable or in the past. */
export function parseRetryAfter(text: string | undefined, nowMs: number): number | null {
  if (text === undefined || text.trim() === '') return null;
  const seconds = Number(text);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1_000 : null;
  const at = Date.parse(text);
  return Number.isNaN(at) || at < nowMs ? null : at - nowMs;
}

/** The wait a vendor asks for in `retry-after-ms` or `retry-after`, in milliseconds, or null. */
export function readRetryAfter(headers: Record<string, string | string[] | undefined>, nowMs: number): number | null {
  const precise = Number(headerText(headers, 'retry-after-ms') ?? Number.NaN);
  // Azure has been seen to send `retry-after-ms: 0` beside `retry-after: 1` (2026).
  return precise > 0 ? precise : parseRetryAfter(headerText(headers, 'retry-after'), nowMs);
}

/** First value of a header, whose name is given in lower case. */
export function headerText(headers: Record<string, string | string[] | undefined>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
