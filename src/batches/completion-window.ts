// How long a batch may take: OpenAI knows only `24h` (npm openai 7.55.0); here any time from a minute to a week.
import { createFailure, type Failure } from '../contracts/failure.ts';

const UNIT_MS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 };
const MAX_WINDOW_MS = 7 * UNIT_MS.d!;

/** Milliseconds of `10m`, `2h`, `7d`. */
export function readCompletionWindow(text: string): number | Failure {
  const [, count, unit] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const windowMs = Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  if (windowMs > 0 && windowMs <= MAX_WINDOW_MS) return windowMs;
  const message = `Invalid value: '${text}'. The completion window is a time from '1m' to '7d', such as '10m', '2h' or '24h'.`;
  return createFailure('request_invalid', message, { param: 'completion_window' });
}
