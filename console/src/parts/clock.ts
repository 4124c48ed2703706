// The server's time: with the device's own clock, a wrong one would show calls that last for hours or end before they begin.

/** Smaller differences come from the header's resolution and network latency. */
const TOLERATED_MS = 2_000;

let aheadMs = 0;

/** @param date the `Date` header of a response. */
export function noteServerTime(date: string | null): void {
  const serverMs = date === null ? Number.NaN : Date.parse(date) + 500;
  if (Number.isNaN(serverMs)) return;
  const differenceMs = serverMs - Date.now();
  aheadMs = Math.abs(differenceMs) > TOLERATED_MS ? differenceMs : 0;
}

/** Milliseconds since 1970. */
export function serverNow(): number {
  return Date.now() + aheadMs;
}
