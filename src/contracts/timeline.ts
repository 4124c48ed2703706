// How a request's time was spent. Parts follow each other without gaps, so they add up to the wall time.
import type { RequestProgress, TimelinePart } from './request-record.ts';

/** Waits alternate only a few times per attempt; more parts than this come from a loop and would not be read. */
const MAX_PARTS = 64;

/** Adds the time since the last part as this part. Consecutive parts of the same kind and place are merged. */
export function spendTime(progress: RequestProgress, part: TimelinePart): RequestProgress {
  const { timeline } = progress;
  const last = timeline.at(-1);
  const isMerged = last !== undefined && (isSame(last, part) || timeline.length >= MAX_PARTS);
  const kept = isMerged ? timeline.slice(0, -1) : timeline;
  return { ...progress, timeline: kept.concat(part) };
}

function isSame(a: TimelinePart, b: TimelinePart): boolean {
  return a.kind === b.kind && a.kind !== 'attempt' && a.provider === b.provider && a.reason === b.reason;
}

export type TimedPart = TimelinePart & { durationMs: number };

/** The parts since the last call; if the timeline ends with a call, the parts between it and the call before. */
export function waitsBeforeEnd(timeline: readonly TimelinePart[], acceptedAtMs: number): TimedPart[] {
  const end = timeline.at(-1)?.kind === 'attempt' ? timeline.length - 1 : timeline.length;
  const before = timeline.slice(0, end).findLastIndex(({ kind }) => kind === 'attempt');
  return timeline.slice(before + 1, end).map((part, index) => {
    const sinceMs = timeline[before + index]?.untilMs ?? acceptedAtMs;
    return { ...part, durationMs: Math.max(0, part.untilMs - sinceMs) };
  });
}
