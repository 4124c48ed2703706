// Lays out a request's phases on the time axis of the waterfall, from the API's response. Pure.
import type { Attempt, PartKind, RequestDetail, TimelinePart } from '../api/types.ts';

export interface Piece {
  /** Fractions of the whole time, 0 to 1. */
  from: number;
  to: number;
  /** A colour variable of the theme: `--shape-…`. */
  colour: string;
  isJoined?: boolean;
  /** Growth of the answer: points as fractions of the piece's width and height, 0 to 1. */
  curve?: readonly Point[];
}

/** A sample of a running request: when, and how many frames its answer had. */
export type Sample = readonly [ms: number, frames: number];

export type Point = readonly [x: number, y: number];

export interface Row {
  id: string;
  label: string;
  why: string | null;
  pieces: Piece[];
  /** Points in time: a skipped provider, or where a broken answer was resumed. */
  marks: { at: number; label: string; kind: 'skip' | 'rescue' }[];
  tookMs: number;
  /** For phases that called a provider. */
  attempt: Attempt | null;
  part: TimelinePart | null;
  kind: PartKind;
}

export interface Waterfall {
  startMs: number;
  totalMs: number;
  rows: Row[];
  ticks: { at: number; ms: number }[];
  /** The total time by kind of phase, for a single bar. */
  shares: { label: string; colour: string; part: number; ms: number }[];
}

const LABELS: Record<PartKind, string> = {
  queue: 'Queue',
  limit: 'Wait for a permit',
  circuit: 'Wait: circuit open',
  hold: 'Wait: held by an operator',
  backoff: 'Backoff before a retry',
  skip: 'Not called',
  attempt: 'Attempt',
  other: 'Hand-over',
};

const COLOURS: Record<PartKind, string> = {
  queue: '--shape-queue',
  limit: '--shape-limit',
  circuit: '--shape-circuit',
  hold: '--shape-circuit',
  backoff: '--shape-backoff',
  skip: '--shape-circuit',
  attempt: '--shape-answer',
  other: '--shape-other',
};

/** The id of the row of what runs now. */
export const NOW = 'now';

/** Shorter hand-overs are not shown. */
const SHOWN_OTHER_MS = 5;

/** @param nowMs the end of a request that is still running. @param samples growth of its answer so far. */
export function layOut(request: RequestDetail, nowMs: number, samples: readonly Sample[] = []): Waterfall {
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
      return {
        id: part.attempt === undefined ? `${index}-${part.kind}` : `attempt-${part.attempt}`,
        label: labelOf(part),
        why: whyOf(part),
        pieces: piecesOf(part, place, attempt),
        marks: marksOf(part, place),
        tookMs: part.duration_ms,
        attempt,
        part,
        kind: part.kind,
      };
    });
  if (!isOver && endMs > lastMs) rows.push(openRow(request, place, lastMs, endMs, samples));
  return { startMs, totalMs, rows, ticks: ticksOf(totalMs), shares: sharesOf(timeline, attempts, totalMs) };
}

/** For an attempt parallel to the one that gave the answer. */
const LOST = 'hedge_lost';
const LOST_COLOUR = '--shape-other';

function labelOf({ kind, attempt, provider, hedge }: TimelinePart): string {
  if (kind === 'skip') return `Not called · ${provider ?? ''}`;
  if (kind !== 'attempt') return LABELS[kind];
  return `${hedge === true ? 'Hedge' : 'Attempt'} ${attempt ?? '?'} · ${provider ?? ''}`;
}

const RESCUES = { continued: 'continued the answer', repeated: 'repeated the answer' };

function whyOf({ kind, reason, provider, outcome, rescue }: TimelinePart): string | null {
  if (kind === 'attempt') {
    const said = outcome?.replaceAll('_', ' ') ?? null;
    return rescue === undefined ? said : `${said ?? ''}, ${RESCUES[rescue]}`;
  }
  if (kind === 'skip') return skipReason(reason ?? '');
  if (kind === 'circuit') return [provider, reason?.replaceAll('_', ' ')].filter(Boolean).join(': ');
  return reason ?? provider ?? null;
}

const OBSTACLES: Record<string, string> = {
  circuit: 'circuit open',
  hold: 'held by an operator',
  limit: 'limit full',
  request: 'cannot take the request',
};

/** For example `limit provider:openai requests`: the reason for a wait. */
function skipReason(reason: string): string {
  const [obstacle = '', ...more] = reason.split(' ');
  const what = OBSTACLES[obstacle] ?? obstacle;
  return more.length === 0 ? what : `${what}: ${more.join(' ').replaceAll('_', ' ')}`;
}

type Place = (ms: number) => number;

function piecesOf(part: TimelinePart, place: Place, attempt: Attempt | null): Piece[] {
  const [from, to] = [part.started_at_ms, part.started_at_ms + part.duration_ms];
  if (part.kind === 'skip') return [];
  if (part.kind !== 'attempt') return [{ from: place(from), to: place(to), colour: COLOURS[part.kind] }];
  if (part.outcome === LOST) return [{ from: place(from), to: place(to), colour: LOST_COLOUR }];
  const isOk = (part.outcome ?? 'ok') === 'ok';
  const colour = isOk ? '--shape-answer' : '--shape-failed';
  if (attempt?.first_byte_ms == null) return [{ from: place(from), to: place(to), colour }];
  const first = Math.min(to, attempt.started_at_ms + attempt.first_byte_ms);
  const curve = growthOf(part, attempt, first, to);
  return [
    { from: place(from), to: place(first), colour: isOk ? '--shape-first' : '--shape-failed-first' },
    { from: place(first), to: place(to), colour, isJoined: true, ...(curve === null ? {} : { curve }) },
  ];
}

/** Points of a stream from first byte to end. Null if it was too short. */
export function growthOf(
  { tokens = [] }: Pick<TimelinePart, 'tokens'>,
  attempt: Pick<Attempt, 'started_at_ms' | 'usage'>,
  fromMs: number,
  toMs: number,
): Point[] | null {
  const span = toMs - fromMs;
  if (tokens.length === 0 || span <= 0) return null;
  // Estimated counts during the stream may exceed the provider's final count.
  const whole = Math.max(1, attempt.usage.output_tokens, ...tokens.map(([, count]) => count));
  const points = tokens.map(([ms, count]): Point => {
    const x = (attempt.started_at_ms + ms - fromMs) / span;
    return [Math.min(1, Math.max(0, x)), count / whole];
  });
  const last = Math.max(attempt.usage.output_tokens, tokens.at(-1)![1]);
  return [[0, 0], ...points, [1, last / whole]];
}

function marksOf({ kind, started_at_ms: fromMs, duration_ms: ms, rescue }: TimelinePart, place: Place): Row['marks'] {
  if (kind === 'skip') return [{ at: place(fromMs + ms), label: 'Not called', kind: 'skip' }];
  if (rescue === undefined) return [];
  return [{ at: place(fromMs), label: 'A broken answer is continued here', kind: 'rescue' }];
}

/** The current phase, which is not in the timeline yet. */
function openRow(
  { status, queue, frames }: RequestDetail,
  place: Place,
  from: number,
  to: number,
  samples: readonly Sample[],
): Row {
  const isQueued = status === 'queued';
  const came = frames > 0 ? `${frames} frames so far` : null;
  return {
    id: NOW,
    label: isQueued ? 'Waiting' : 'Running',
    why: queue?.waits_for ?? came ?? queue?.provider ?? null,
    pieces: isQueued
      ? [{ from: place(from), to: place(to), colour: '--shape-queue' }]
      : openPieces(place, from, to, samples),
    marks: [],
    tookMs: to - from,
    attempt: null,
    part: null,
    kind: 'other',
  };
}

/** The time until the first frames, and their growth since. */
function openPieces(place: Place, from: number, to: number, samples: readonly Sample[]): Piece[] {
  const first = samples.findIndex(([ms, frames]) => frames > 0 && ms >= from);
  const grown = first < 0 ? [] : samples.slice(first).filter(([ms]) => ms <= to);
  if (grown.length < 2) return [{ from: place(from), to: place(to), colour: '--shape-first' }];
  const [begin, span] = [grown[0]![0], Math.max(1, to - grown[0]![0])];
  const most = Math.max(...grown.map(([, frames]) => frames));
  const points = grown.map(([ms, frames]): Point => [(ms - begin) / span, frames / most]);
  return [
    { from: place(from), to: place(begin), colour: '--shape-first' },
    {
      from: place(begin),
      to: place(to),
      colour: '--shape-answer',
      isJoined: true,
      curve: [...points, [1, grown.at(-1)![1] / most]],
    },
  ];
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
  let coveredMs = 0;
  for (const part of timeline) {
    const attempt = attempts.find((one) => one.attempt === part.attempt);
    if (part.kind === 'skip') continue;
    // Parallel attempts overlap: no time is counted twice.
    const fromMs = Math.max(coveredMs, part.started_at_ms);
    const untilMs = part.started_at_ms + part.duration_ms;
    const ms = Math.max(0, untilMs - fromMs);
    coveredMs = Math.max(coveredMs, untilMs);
    if (part.kind !== 'attempt') add(LABELS[part.kind], COLOURS[part.kind], ms);
    else if (part.outcome === LOST) add('Hedged attempts', LOST_COLOUR, ms);
    else if (part.outcome !== 'ok') add('Failed attempts', '--shape-failed', ms);
    else {
      const first = Math.min(ms, Math.max(0, part.started_at_ms + (attempt?.first_byte_ms ?? 0) - fromMs));
      add('Until the first byte', '--shape-first', first);
      add('Answer', '--shape-answer', ms - first);
    }
  }
  return [...sums].map(([label, { colour, ms }]) => ({ label, colour, ms, part: ms / totalMs }));
}
