// A scope's window (its shape: permit.lua) as a forecast sees it: what is taken now, and when it comes free again.

const SLICE_MS = 200;
const KEEP_SLICES = 302;
/** permit.lua: a slice counts for KEEP_SLICES slices. What is taken again at once is free again after it. */
export const WINDOW_MS = KEEP_SLICES * SLICE_MS;

export interface Window {
  requests: number;
  tokens: number;
  /** Until the scope may be asked at all. Milliseconds. */
  blockedMs: number;
  /** The batch lane spreads its starts: until its next one is due. Milliseconds. */
  batchDueMs: number;
  /** It was full a moment ago: it lets those who wait through at a pace (permit.lua). */
  isDraining: boolean;
  /** What leaves the window, soonest first. */
  leaving: Leaving[];
}

interface Leaving {
  inMs: number;
  requests: number;
  tokens: number;
}

/**
 * @param fields the hash as Redis has it; empty for a scope that nobody has asked.
 * @param nowMs by the clock of Redis, which has written it.
 */
export function readWindow(fields: Readonly<Record<string, string>>, nowMs: number): Window {
  const slices = new Map<number, Leaving>();
  for (const [field, value] of Object.entries(fields)) {
    const slice = Number(field.slice(1));
    const kind = field[0];
    if ((kind !== 'r' && kind !== 't') || !Number.isInteger(slice) || field.length < 2) continue;
    const inMs = slice * SLICE_MS + WINDOW_MS - nowMs;
    if (inMs <= 0) continue;
    const leaving = slices.get(slice) ?? { inMs, requests: 0, tokens: 0 };
    if (kind === 'r') leaving.requests += Number(value);
    else leaving.tokens += Number(value);
    slices.set(slice, leaving);
  }
  const leaving = [...slices.values()].sort((a, b) => a.inMs - b.inMs);
  return {
    requests: leaving.reduce((sum, next) => sum + next.requests, 0),
    tokens: leaving.reduce((sum, next) => sum + next.tokens, 0),
    blockedMs: Math.max(0, Number(fields.blocked ?? 0) - nowMs),
    batchDueMs: Math.max(0, Number(fields.pr ?? 0) - nowMs, Number(fields.pt ?? 0) - nowMs),
    isDraining: nowMs - Number(fields.full ?? 0) < DRAIN_MS,
    leaving,
  };
}

/** permit.lua: of a window that was full so lately, this part of the requests passes per slice, if they are so many. */
const DRAIN_MS = 2_000;
const DRAIN_PART = 1 / 50;
const DRAIN_FROM = 100;

/**
 * When a window of this limit has let so much pass, everything that passes from now on counted. A line that waits takes
 * every place as soon as it is free, so the pattern of one minute repeats itself in the next. Milliseconds from now.
 */
export function passedInMs(window: Window, kind: 'requests' | 'tokens', limit: number, amount: number): number {
  const rounds = Math.floor((amount - 1) / limit);
  const paceMs = kind === 'requests' && limit >= DRAIN_FROM ? SLICE_MS / (limit * DRAIN_PART) : 0;
  let missing = amount - rounds * limit;
  let atMs = 0;
  const take = (places: number, fromMs: number, isPaced: boolean) => {
    const taken = Math.min(places, missing);
    missing -= taken;
    atMs = Math.max(atMs, fromMs) + (isPaced ? Math.max(0, taken - 1) * paceMs : 0);
  };
  take(Math.max(0, limit - window[kind]), 0, window.isDraining);
  for (const leaving of window.leaving) {
    if (missing <= 0) break;
    take(leaving[kind], leaving.inMs, true);
  }
  return rounds * WINDOW_MS + (missing > 0 ? WINDOW_MS : atMs);
}
