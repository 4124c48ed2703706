// The limits that an answer's headers announce or a refusal names, and how much of each is used.
import { RATE_KINDS, type RateKind } from '../contracts/limit-kinds.ts';
import type { RateLimitHint } from '../protocols/protocol.ts';

/** One limit from an answer's headers. */
export interface AnnouncedLimit {
  kind: RateKind;
  limit: number;
  used: number;
  /** Enough of it is used that it may become binding. */
  isNear: boolean;
  /** Little is left: other processes must learn of its usage soon. */
  isNearlyUsedUp: boolean;
}

/** The share in use from which a limit counts as near; small limits always do. */
const NEAR = 0.5;
const SMALL = 100;
const NEARLY_USED_UP = 0.9;
/** A per-minute limit resets within a minute. */
export const LONGEST_MINUTE_MS = 61_000;

const HINTED = [
  ['Requests', 'requests'],
  ['Tokens', 'tokens'],
  ['InputTokens', 'inputTokens'],
  ['OutputTokens', 'outputTokens'],
] as const;

const HINTED_DAYS = [
  ['Requests', 'requestsPerDay'],
  ['Tokens', 'tokensPerDay'],
] as const;

/** Headers do not name the period; it follows from their reset times. */
export function readAnnounced(hint: RateLimitHint): AnnouncedLimit[] {
  if (Object.keys(hint).length === 0) return NOTHING;
  return [...readMinutes(hint), ...readDays(hint)];
}

const NOTHING: AnnouncedLimit[] = [];

/** Refusals name daily limits without what remains; only the broker's own count is known then. */
function readDays(hint: RateLimitHint): AnnouncedLimit[] {
  return HINTED_DAYS.flatMap(([name, kindName]) => {
    const limit = hint[`limit${name}Day`];
    const remaining = hint[`remaining${name}Day`];
    if (limit === undefined || !(limit >= 1) || !Number.isInteger(limit)) return [];
    const kind = RATE_KINDS.find((row) => row.name === kindName)!;
    if (remaining === undefined) return [{ ...announcedOf(kind, limit, 0), isNear: true }];
    return [announcedOf(kind, limit, Math.max(0, limit - remaining))];
  });
}

function readMinutes(hint: RateLimitHint): AnnouncedLimit[] {
  return HINTED.flatMap(([name, measure]) => {
    const limit = hint[`limit${name}`];
    const remaining = hint[`remaining${name}`];
    // With separate limits for input and output, the total only repeats them.
    if (name === 'Tokens' && hint.limitInputTokens !== undefined) return [];
    if (limit === undefined || remaining === undefined || !(limit >= 1) || !Number.isInteger(limit)) return [];
    const used = Math.max(0, limit - remaining);
    const isOfDay = (hint[`reset${name}Ms`] ?? 0) > LONGEST_MINUTE_MS;
    const kind = RATE_KINDS.find((row) => row.measure === measure && row.periodMs > 60_000 === isOfDay);
    return kind === undefined ? [] : [announcedOf(kind, limit, used)];
  });
}

function announcedOf(kind: RateKind, limit: number, used: number): AnnouncedLimit {
  const isNear = used >= limit * NEAR || limit <= SMALL;
  return { kind, limit, used, isNear, isNearlyUsedUp: used >= limit * NEARLY_USED_UP };
}
