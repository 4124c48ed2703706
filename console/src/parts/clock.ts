// What time it is by Sluice: a device whose clock is wrong must not show calls that last for hours, or end before they began.

/** Less is the header's own second and the way here. */
const TOLERATED_MS = 2_000;

let aheadMs = 0;

/** @param date as the header of an answer has it, to the second. */
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
