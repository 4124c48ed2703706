// Waits that providers hide in the bodies of their errors, whichever protocol they come in: Google's RetryInfo (Vertex speaks
// Anthropic's and OpenAI's protocols too), OpenRouter's headers inside the body, and plain words.
import { headerText, parseGoDuration, parseReset, parseSpokenWait, readRetryAfter } from './durations.ts';

type Loose = Readonly<Record<string, unknown>>;

function objectOf(value: unknown): Loose | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : null;
}

/** `{error: {…}}`, the same in a list, or the error object itself. */
function errorOf(body: unknown): Loose | null {
  const outer = objectOf(Array.isArray(body) ? body[0] : body);
  return objectOf(outer?.error) ?? outer;
}

/** @param body the parsed answer, or the event of a stream. @param message what it says, as the protocol reads it. */
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
  const details = errorOf(body)?.details;
  if (!Array.isArray(details)) return [];
  return details
    .flatMap((detail) => objectOf(detail)?.violations ?? [])
    .map((violation) => objectOf(violation)?.quotaId)
    .filter((id) => typeof id === 'string');
}

/** `retry_after` in seconds, `retry_after_ms`, and headers of the provider behind the provider (`metadata.headers`). */
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

/** The reset of a limit that is not told apart by requests and tokens: OpenRouter, GitHub, the draft of the IETF. */
export function readResetHeader(headers: Record<string, string | string[] | undefined>, nowMs: number): number | null {
  for (const name of ['x-ratelimit-reset', 'ratelimit-reset', 'x-rate-limit-reset']) {
    const resetMs = parseReset(headerText(headers, name), nowMs);
    if (resetMs !== null) return resetMs;
  }
  return null;
}
