// Where the parts of a request's life stand on the axis of its waterfall. Pure: from what the API says to fractions of a line.
import type { Attempt, PartKind, RequestDetail } from '../api/types.ts';

export interface Piece {
  /** Of the whole time, 0 to 1. */
  from: number;
  to: number;
  /** Of the theme: `--shape-…`. */
  colour: string;
  isJoined?: boolean;
}

export interface Row {
  id: string;
  label: string;
  why: string | null;
  pieces: Piece[];
  tookMs: number;
  /** Of the parts that called a provider. */
  attempt: Attempt | null;
  kind: PartKind;
}

export interface Waterfall {
  startMs: number;
  totalMs: number;
  rows: Row[];
  ticks: { at: number; ms: number }[];
  /** The same time by what it went into, for one line. */
  shares: { label: string; colour: string; part: number; ms: number }[];
}

const LABELS: Record<PartKind, string> = {
  queue: 'Queue',
  limit: 'Wait for a permit',
  circuit: 'Wait: circuit open',
  hold: 'Wait: held by an operator',
  backoff: 'Backoff before a retry',
  attempt: 'Attempt',
  other: 'Hand-over',
};

const COLOURS: Record<PartKind, string> = {
  queue: '--shape-queue',
  limit: '--shape-limit',
  circuit: '--shape-circuit',
  hold: '--shape-circuit',
  backoff: '--shape-backoff',
  attempt: '--shape-answer',
  other: '--shape-other',
};

/** Shorter hand-overs say nothing. */
const SHOWN_OTHER_MS = 5;

/** @param nowMs the end of one that runs yet. */
export function layOut(request: RequestDetail, nowMs: number): Waterfall {
  const { timeline, attempts } = request;
  const startMs = timeline[0]?.started_at_ms ?? request.created_at * 1_000;
  const isOver = request.finished_at !== null || ['completed', 'failed', 'cancelled'].includes(request.status);
  const lastMs = Math.max(startMs, ...timeline.map((part) => part.started_at_ms + part.duration_ms));
  const endMs = isOver ? lastMs : Math.max(lastMs, nowMs);
  const totalMs = Math.max(1, endMs - startMs);
  const place = (ms: number) => Math.min(1, Math.max(0, (ms - startMs) / totalMs));
  const byNumber = new Map(attempts.map((attempt) => [attempt.attempt, attempt]));

  const rows = timeline
    .filter(({ kind, duration_ms: ms }) => kind !== 'other' || ms >= SHOWN_OTHER_MS)
    .map((part, index): Row => {
      const attempt = part.attempt === undefined ? null : (byNumber.get(part.attempt) ?? null);
      const from = part.started_at_ms;
      const to = from + part.duration_ms;
      return {
        id: `${index}-${part.kind}`,
        label: labelOf(part),
        why: whyOf(part),
        pieces:
          part.kind === 'attempt'
            ? attemptPieces(place, from, to, attempt, part.outcome ?? 'ok')
            : [{ from: place(from), to: place(to), colour: COLOURS[part.kind] }],
        tookMs: part.duration_ms,
        attempt,
        kind: part.kind,
      };
    });
  if (!isOver && endMs > lastMs) rows.push(openRow(request, place, lastMs, endMs));
  return { startMs, totalMs, rows, ticks: ticksOf(totalMs), shares: sharesOf(timeline, attempts, totalMs) };
}

function labelOf({ kind, attempt, provider }: RequestDetail['timeline'][number]): string {
  if (kind !== 'attempt') return LABELS[kind];
  return `Attempt ${attempt ?? '?'} · ${provider ?? ''}`;
}

function whyOf({ kind, reason, provider, outcome }: RequestDetail['timeline'][number]): string | null {
  if (kind === 'attempt') return outcome === undefined ? null : outcome.replaceAll('_', ' ');
  if (reason !== undefined) return reason;
  return provider ?? null;
}

function attemptPieces(
  place: (ms: number) => number,
  from: number,
  to: number,
  attempt: Attempt | null,
  outcome: string,
): Piece[] {
  const isOk = outcome === 'ok';
  const colour = isOk ? '--shape-answer' : '--shape-failed';
  if (attempt?.first_byte_ms == null) return [{ from: place(from), to: place(to), colour }];
  const first = Math.min(to, attempt.started_at_ms + attempt.first_byte_ms);
  return [
    { from: place(from), to: place(first), colour: isOk ? '--shape-first' : '--shape-failed-first' },
    { from: place(first), to: place(to), colour, isJoined: true },
  ];
}

/** What goes on now: it is in no timeline yet. */
function openRow({ status, queue }: RequestDetail, place: (ms: number) => number, from: number, to: number): Row {
  const isQueued = status === 'queued';
  return {
    id: 'now',
    label: isQueued ? 'Waits now' : 'Runs now',
    why: queue?.waits_for ?? queue?.provider ?? null,
    pieces: [{ from: place(from), to: place(to), colour: isQueued ? '--shape-queue' : '--shape-first' }],
    tookMs: to - from,
    attempt: null,
    kind: 'other',
  };
}

const PARTS = 4;

function ticksOf(totalMs: number): { at: number; ms: number }[] {
  return Array.from({ length: PARTS + 1 }, (_, index) => ({ at: index / PARTS, ms: (totalMs * index) / PARTS }));
}

function sharesOf(
  timeline: RequestDetail['timeline'],
  attempts: readonly Attempt[],
  totalMs: number,
): Waterfall['shares'] {
  const sums = new Map<string, { colour: string; ms: number }>();
  const add = (label: string, colour: string, ms: number) => {
    if (ms <= 0) return;
    sums.set(label, { colour, ms: (sums.get(label)?.ms ?? 0) + ms });
  };
  for (const part of timeline) {
    const attempt = attempts.find((one) => one.attempt === part.attempt);
    if (part.kind !== 'attempt') add(LABELS[part.kind], COLOURS[part.kind], part.duration_ms);
    else if (part.outcome !== 'ok') add('Failed attempts', '--shape-failed', part.duration_ms);
    else {
      const first = Math.min(part.duration_ms, attempt?.first_byte_ms ?? 0);
      add('Until the first byte', '--shape-first', first);
      add('Answer', '--shape-answer', part.duration_ms - first);
    }
  }
  return [...sums].map(([label, { colour, ms }]) => ({ label, colour, ms, part: ms / totalMs }));
}
