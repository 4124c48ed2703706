// Reads from a refusal which limit was hit and how large it is: Google's QuotaFailure, and the messages of OpenAI and others.
// Some providers announce their limits nowhere else.
import type { RateLimitHint } from '../protocol.ts';
import { quotaViolations } from './waits.ts';

/** A provider may quote a prompt in its error. */
const MAX_SEARCHED_CHARS = 4_000;
/** "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 28543, Requested 2000." */
const SPOKEN = /\((RPM|TPM|RPD|TPD)\):?\s+Limit:?\s+(\d[\d,]*)(?:[^.\d]{0,4}Used:?\s+(\d[\d,]*))?/i;

/** @param body the answer, JSON or not. @param message its error message. */
export function quotasOf(body: Buffer, message: string): RateLimitHint {
  try {
    return readQuotas(JSON.parse(body.toString()), message);
  } catch {
    return readQuotas(null, message);
  }
}

/** @param body the parsed answer. */
export function readQuotas(body: unknown, message: string): RateLimitHint {
  return { ...readWords(message), ...readViolations(body) };
}

function readWords(message: string): RateLimitHint {
  const [, kind, limitText, usedText] = SPOKEN.exec(message.slice(0, MAX_SEARCHED_CHARS)) ?? [];
  if (kind === undefined) return {};
  const limit = wholeOf(limitText!);
  const used = usedText === undefined ? null : wholeOf(usedText);
  const name = kind[0]!.toUpperCase() === 'R' ? 'Requests' : 'Tokens';
  const isOfDay = kind[2]!.toUpperCase() === 'D';
  return hintOf(name, isOfDay, limit, used);
}

function wholeOf(text: string): number {
  return Number(text.replaceAll(',', ''));
}

/** `GenerateRequestsPerMinutePerProjectPerModel-FreeTier`, `GenerateContentInputTokensPerModelPerMinute`, `…PerDay…`. */
function readViolations(body: unknown): RateLimitHint {
  const hints = quotaViolations(body).map(({ quotaId, quotaValue }): RateLimitHint => {
    const limit = typeof quotaValue === 'string' ? Number(quotaValue) : Number.NaN;
    if (typeof quotaId !== 'string' || !Number.isSafeInteger(limit) || limit < 1) return {};
    const isOfDay = /PerDay/i.test(quotaId);
    if (!isOfDay && !/PerMinute/i.test(quotaId)) return {};
    const isOfInput = /InputTokens/i.test(quotaId);
    // Sluice has no limit of input tokens per day.
    if (isOfInput && isOfDay) return {};
    const name = isOfInput ? 'InputTokens' : /Tokens/i.test(quotaId) ? 'Tokens' : 'Requests';
    return hintOf(name, isOfDay, limit, null);
  });
  return Object.assign({}, ...hints) as RateLimitHint;
}

/** A refused limit per minute is used up. The use of a daily one is unknown, as the provider decides when its day begins. */
function hintOf(
  name: 'Requests' | 'Tokens' | 'InputTokens',
  isOfDay: boolean,
  limit: number,
  used: number | null,
): RateLimitHint {
  if (!isOfDay) return { [`limit${name}`]: limit, [`remaining${name}`]: used === null ? 0 : Math.max(0, limit - used) };
  const remaining = used === null ? {} : { [`remaining${name}Day`]: Math.max(0, limit - used) };
  return { [`limit${name}Day`]: limit, ...remaining };
}
