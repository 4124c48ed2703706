// Retry delays in the bodies of errors, in any protocol: Google's RetryInfo (Vertex speaks Anthropic's and OpenAI's protocols
// too), OpenRouter's headers inside the body, and plain text.

type Loose = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Loose | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : null;
}

/** `{error: {…}}`, the same in a list, or the error object itself. */
function errorOf(body: unknown): Loose | null {
  const outer = objectOf(Array.isArray(body) ? body[0] : body);
  return objectOf(outer?.error) ?? outer;
}

/** @param body the parsed answer, or the event of a stream. @param message its error message, as read by the protocol. */
export function readWaitInBody(body: unknown, message: string, nowMs: number): number | null {
  const error = errorOf(body);
  if (error === null) return parseSpokenWait(message);
  return readRetryInfo(error) ?? readMembers(error, nowMs) ?? parseSpokenWait(message);
}

/** `google.rpc.RetryInfo`: `"15s"`, or a Duration as an object. */
function readRetryInfo({ details }: Loose): number | null {
  if (!Array.isArray(details)) return null;
  const info = details.map(objectOf).find((detail) => String(detail?.['@type'] ?? '').endsWith('RetryInfo'));
  const delay = info?.retryDelay;
  if (typeof delay === 'string') return parseGoDuration(delay);
  const duration = objectOf(delay);
  if (duration === null) return null;
  const ms = Number(duration.seconds ?? 0) * 1_000 + Number(duration.nanos ?? 0) / 1e6;
  return Number.isFinite(ms) && ms >= 0 ? ms : null;
}

/** Of `google.rpc.QuotaFailure`: `GenerateRequestsPerMinutePerProjectPerModel-FreeTier`. */
export function quotaIds(body: unknown): string[] {
  return quotaViolations(body)
    .map(({ quotaId }) => quotaId)
    .filter((id) => typeof id === 'string');
}

export function quotaViolations(body: unknown): Loose[] {
  const details = errorOf(body)?.details;
  if (!Array.isArray(details)) return [];
  return details
    .flatMap((detail) => objectOf(detail)?.violations ?? [])
    .map(objectOf)
    .filter((violation) => violation !== null);
}

/** `retry_after` in seconds, `retry_after_ms`, and headers of the provider that a reseller called (`metadata.headers`). */
function readMembers(error: Loose, nowMs: number): number | null {
  const metadata = objectOf(error.metadata);
  for (const place of [error, metadata]) {
    if (place === null) continue;
    const ms = Number(place.retry_after_ms ?? Number.NaN);
    if (ms > 0) return ms;
    const seconds = Number(place.retry_after ?? place.retry_after_seconds ?? Number.NaN);
    if (seconds > 0) return seconds * 1_000;
  }
  const headers = objectOf(metadata?.headers);
  if (headers === null) return null;
  const named = lowerCased(headers);
  return readRetryAfter(named, nowMs) ?? readResetHeader(named, nowMs);
}

function lowerCased(headers: Loose): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

/** The reset of a limit that does not distinguish requests from tokens: OpenRouter, GitHub, the IETF draft. */
export function readResetHeader(headers: Record<string, string | string[] | undefined>, nowMs: number): number | null {
  for (const name of ['x-ratelimit-reset', 'ratelimit-reset', 'x-rate-limit-reset']) {
    const resetMs = parseReset(headerText(headers, name), nowMs);
    if (resetMs !== null) return resetMs;
  }
  return null;
}

// Durations and times as providers write them: in headers, in the details of an error, in its message.
const GO_DURATION_PART = /(\d+(?:\.\d+)?)(ms|h|m|s)/g;
const GO_DURATION = /^(?:\d+(?:\.\d+)?(?:ms|h|m|s))+$/;
const UNIT_MS = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;

/** Numbers above these are not durations but times: seconds or milliseconds since 1970 (as of 2001). */
const EPOCH_SECONDS = 1e9;
const EPOCH_MS = 1e12;

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
  if (seconds >= EPOCH_SECONDS) return parseReset(text, nowMs);
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1_000 : null;
  const at = Date.parse(text);
  return Number.isNaN(at) || at < nowMs ? null : at - nowMs;
}

/** The wait a provider asks for in `retry-after-ms` or `retry-after`, in milliseconds, or null. */
export function readRetryAfter(headers: Record<string, string | string[] | undefined>, nowMs: number): number | null {
  const precise = Number(headerText(headers, 'retry-after-ms') ?? Number.NaN);
  // Azure has been seen to send `retry-after-ms: 0` beside `retry-after: 1` (2026).
  return precise > 0 ? precise : parseRetryAfter(headerText(headers, 'retry-after'), nowMs);
}

/**
 * When a limit is reset, from now: a duration (`6m0s`), seconds, a point in time in epoch seconds or milliseconds
 * (OpenRouter, 2026), or a date. Null when unreadable; 0 when it is past.
 */
export function parseReset(text: string | undefined, nowMs: number): number | null {
  const trimmed = text?.trim() ?? '';
  if (trimmed === '') return null;
  const duration = parseGoDuration(trimmed);
  if (duration !== null) return duration;
  const value = Number(trimmed);
  if (Number.isNaN(value)) {
    const at = Date.parse(trimmed);
    return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
  }
  if (!Number.isFinite(value) || value < 0) return null;
  if (value >= EPOCH_MS) return Math.max(0, value - nowMs);
  return value >= EPOCH_SECONDS ? Math.max(0, value * 1_000 - nowMs) : value * 1_000;
}

const AMOUNT = '\\d+(?:\\.\\d+)?\\s*(?:milliseconds?|ms|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)';
const AMOUNTS = `${AMOUNT}(?:[\\s,]*(?:and\\s+)?${AMOUNT})*`;
/** "Please try again in 1m2s", "retry in 3.2s", "retry after 20 seconds", "wait 5 seconds before". */
const SPOKEN_WAIT = new RegExp(
  `(?:(?:try(?:ing)?(?: it)? again|retry(?:ing)?(?: your request| again)?|available again|resets?)\\s+(?:in|after)|\\bwait(?: for)?)\\s+(?:about |approximately |another |~)?(${AMOUNTS})(?![a-z])`,
  'i',
);

/** The wait given in a message, in milliseconds, or null. */
export function parseSpokenWait(message: string): number | null {
  const said = SPOKEN_WAIT.exec(message.slice(0, MAX_SEARCHED_CHARS))?.[1];
  if (said === undefined) return null;
  let total = 0;
  for (const [, amount, unit] of said.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/gi)) {
    total += Number(amount) * spokenUnitMs(unit!.toLowerCase());
  }
  return total;
}

/** A provider may quote a prompt in its error. */
const MAX_SEARCHED_CHARS = 4_000;

function spokenUnitMs(unit: string): number {
  if (unit.startsWith('ms') || unit.startsWith('milli')) return UNIT_MS.ms;
  return UNIT_MS[unit[0] as 'h' | 'm' | 's'];
}

/** First value of a header, whose name is given in lower case. */
export function headerText(headers: Record<string, string | string[] | undefined>, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
