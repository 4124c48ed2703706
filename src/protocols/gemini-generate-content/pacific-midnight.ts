// When Google's daily quotas start anew (ai.google.dev docs, "Rate limits": midnight Pacific time).

const PACIFIC = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Los_Angeles',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
  hourCycle: 'h23',
});

const SECONDS_PER_DAY = 86_400;

/** Milliseconds from `nowMs`. On the two days when clocks change it is an hour off, as any quota table would be. */
export function msUntilPacificMidnight(nowMs: number): number {
  const parts = Object.fromEntries(PACIFIC.formatToParts(nowMs).map(({ type, value }) => [type, Number(value)]));
  const passedSeconds = parts.hour! * 3_600 + parts.minute! * 60 + parts.second!;
  return (SECONDS_PER_DAY - passedSeconds) * 1_000;
}
