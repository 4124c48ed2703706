// Watches how far the ledger is behind: messages waiting in the stream, the age of the oldest, messages set aside. Requests are
// still answered, so no process stops for it, but operators must know.
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { OperationsMetrics } from '../telemetry/metrics.ts';

export interface LedgerState {
  /** Messages that are not written yet. */
  waiting: number;
  /** Age of the oldest of them; 0 if there is none. */
  oldestMs: number;
  /** Messages that SQL refused and that were neither replayed nor deleted; null while SQL is down. */
  rejects: number | null;
  /** The oldest has waited longer than a restart of SQL takes. */
  isBehind: boolean;
}

export interface LedgerWatch {
  /** At most a few seconds old. */
  state(): LedgerState;
  stop(): void;
}

export interface LedgerWatchOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  countRejects: () => Promise<number>;
  metrics: OperationsMetrics;
  logger: Logger;
  everyMs?: number;
}

const EVERY_MS = 5_000;
/** A transaction takes milliseconds; a database failover takes seconds. */
const BEHIND_MS = 30_000;

export function startLedgerWatch(options: LedgerWatchOptions): LedgerWatch {
  const { metrics, logger, everyMs = EVERY_MS } = options;
  let state: LedgerState = { waiting: 0, oldestMs: 0, rejects: null, isBehind: false };
  let isLooking = false;

  const look = async () => {
    if (isLooking) return;
    isLooking = true;
    // An outage of Redis is reported elsewhere; keep the last state.
    const now = await readLedgerState(options).catch(() => state);
    isLooking = false;
    metrics.ledger(now);
    if (now.isBehind !== state.isBehind) logChange(logger, now);
    state = now;
  };

  void look();
  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return { state: () => state, stop: () => clearInterval(timer) };
}

export async function readLedgerState({
  redis,
  keyspace,
  countRejects,
}: Pick<LedgerWatchOptions, 'redis' | 'keyspace' | 'countRejects'>): Promise<LedgerState> {
  const [waiting, oldest, time, rejects] = await Promise.all([
    redis.xlen(keyspace.ledgerStream),
    redis.xrange(keyspace.ledgerStream, '-', '+', 'COUNT', 1),
    redis.time(),
    countRejects().catch(() => null),
  ]);
  // Stream ids begin with the time of their insertion, by Redis' clock.
  const addedAtMs = Number.parseInt(oldest[0]?.[0] ?? '', 10);
  const nowMs = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  const oldestMs = Number.isNaN(addedAtMs) ? 0 : Math.max(0, nowMs - addedAtMs);
  return { waiting, oldestMs, rejects, isBehind: oldestMs > BEHIND_MS };
}

/** Called once per change of state. */
function logChange(logger: Logger, { isBehind, waiting, oldestMs, rejects }: LedgerState): void {
  const details = { waiting, oldest_ms: oldestMs, rejects };
  if (isBehind) logger.error(details, 'the ledger is behind: messages are waiting in Redis');
  else logger.info(details, 'the ledger has caught up');
}
