// Live figures for the console: the last hour in slices of ten seconds, and every two seconds an update. Without viewers
// there is no connection, no timer and no data. The first viewer causes the hour to be read from SQL and the ledger's stream
// to be followed from then on; all viewers share the result.
import { EventEmitter } from 'node:events';
import { formatUsd } from '../../contracts/money.ts';
import { addAttempt, addOutcome, type Figures, noFigures, quantile } from '../../ledger/figures.ts';
import type { LedgerTail } from '../../ledger/ledger-tail.ts';
import { readRecent } from '../../ledger/recent-figures.ts';
import type { Database } from '../../storage/database.ts';

export interface LiveOptions {
  database: Database;
  readQueues(): Promise<LiveQueue[]>;
  /** Calls in flight, in all workers. */
  countCalls(): Promise<number>;
  /** Follows the ledger's stream, on a separate connection. */
  openTail(): Promise<LedgerTail>;
  onError: (error: Error) => void;
}

export interface LiveFigures {
  /** Null if there are too many viewers already. */
  watch(listener: (event: LiveEvent) => void): Promise<(() => void) | null>;
  close(): void;
}

export type LiveEvent =
  | { kind: 'history'; slice_ms: number; slices: LiveSlice[] }
  | { kind: 'now'; at: number; slices: LiveSlice[]; calls: number; queues: LiveQueue[] };

export interface LiveSlice {
  /** Its beginning, unix ms. */
  at: number;
  requests: number;
  failed: number;
  input_tokens: number;
  output_tokens: number;
  cost_usd: number;
  codes: Record<string, number>;
  /** p50, p95, p99, ms; null where nothing was answered. */
  first_byte_ms: [number, number, number] | null;
  total_ms: [number, number, number] | null;
}

export interface LiveQueue {
  provider: string;
  lane: string;
  waiting: number;
  running: number;
}

const SLICE_MS = 10_000;
const SLICES = 360;
const TICK_MS = 2_000;
const MAX_WATCHERS = 64;
/** After the last has left: a page that is loaded again finds the figures as they were. */
const LINGER_MS = 15_000;

export function createLiveFigures(options: LiveOptions): LiveFigures {
  const events = new EventEmitter().setMaxListeners(MAX_WATCHERS);
  let running: Promise<Running> | null = null;
  let lingering: NodeJS.Timeout | undefined;

  async function end(): Promise<void> {
    const ending = running;
    running = null;
    await (await ending?.catch(() => null))?.stop();
  }

  function leave(listener: (event: LiveEvent) => void): void {
    events.off('event', listener);
    if (events.listenerCount('event') > 0) return;
    lingering = setTimeout(() => void end().catch(options.onError), LINGER_MS);
    lingering.unref();
  }

  return {
    async watch(listener) {
      if (events.listenerCount('event') >= MAX_WATCHERS) return null;
      clearTimeout(lingering);
      running ??= start(options, (event) => events.emit('event', event));
      try {
        const { history } = await running;
        listener(history());
      } catch (error) {
        running = null;
        throw error;
      }
      events.on('event', listener);
      return () => leave(listener);
    },
    close() {
      clearTimeout(lingering);
      void end().catch(options.onError);
    },
  };
}

interface Running {
  history(): LiveEvent;
  stop(): Promise<void>;
}

async function start(options: LiveOptions, tell: (event: LiveEvent) => void): Promise<Running> {
  const slices = new Map<number, Figures>();
  const sliceAt = (ms: number) => {
    const at = ms - (ms % SLICE_MS);
    let figures = slices.get(at);
    if (figures === undefined) {
      figures = noFigures();
      slices.set(at, figures);
    }
    return figures;
  };
  const startedAtMs = Date.now();
  const tail = await options.openTail();
  tail.follow(({ attempt, request }) => {
    if (attempt !== undefined) addAttempt(sliceAt(Date.now()), attempt);
    if (request !== undefined) addOutcome(sliceAt(Date.now()), request);
  });
  const fromMs = startedAtMs - SLICES * SLICE_MS;
  await readRecent(options.database, { fromMs, untilMs: startedAtMs, sliceMs: SLICE_MS, sliceAt }).catch(
    options.onError,
  );

  const tick = async () => {
    const now = Date.now();
    for (const at of slices.keys()) if (at < now - SLICES * SLICE_MS) slices.delete(at);
    const [calls, queues] = await Promise.all([options.countCalls(), options.readQueues()]);
    // The previous slice may have got its last figures after it was sent.
    const latest = [now - SLICE_MS, now].map((ms) => describe(ms - (ms % SLICE_MS), sliceAt(ms)));
    tell({ kind: 'now', at: now, slices: latest, calls, queues });
  };
  const timer = setInterval(() => void tick().catch(options.onError), TICK_MS);
  void tick().catch(options.onError);
  return {
    history: () => ({ kind: 'history', slice_ms: SLICE_MS, slices: wholeHour(slices) }),
    async stop() {
      clearInterval(timer);
      await tail.close();
    },
  };
}

/** Slices without anything are left out, as a page knows them to be. */
function wholeHour(slices: ReadonlyMap<number, Figures>): LiveSlice[] {
  return [...slices].sort(([a], [b]) => a - b).map(([at, figures]) => describe(at, figures));
}

function describe(at: number, figures: Figures): LiveSlice {
  return {
    at,
    requests: figures.requests,
    failed: figures.failed,
    input_tokens: figures.inputTokens,
    output_tokens: figures.outputTokens,
    cost_usd: Number(formatUsd(figures.costPicoUsd)),
    codes: Object.fromEntries(figures.codes),
    first_byte_ms: quantiles(figures.firstByte),
    total_ms: quantiles(figures.total),
  };
}

function quantiles(counts: readonly number[]): [number, number, number] | null {
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((part) => quantile(counts, part));
  return p50 == null ? null : [p50, p95!, p99!];
}
