// Checks once a second, by a small write, whether Redis takes writes: a primary that was demoted, is full, or lost its replicas
// or its disk still answers `PING`. The check also serves connections that only listen: a refusal by a server that is no longer
// the primary makes all connections of the process reconnect (redis.ts).
import { withinOwnTime } from './own-time.ts';
import { isCluster, type RedisClient } from './redis.ts';
import { type RedisRefusal, refusalOf } from './redis-trouble.ts';

export interface RedisWatch {
  /** What is wrong, for operators; null while Redis takes writes. */
  readonly trouble: string | null;
  /** The current time of Redis, estimated; unix ms. Null before the first check, and for a cluster, which has several clocks. */
  redisNowMs(): number | null;
  /** Used memory in percent of `maxmemory` while Redis is nearly full; else null. */
  readonly fullPercent: number | null;
  stop(): void;
}

export interface RedisWatchOptions {
  redis: RedisClient;
  /** One key of each hash tag, as a cluster has them on different servers; without a cluster only the first is used. */
  keys: readonly string[];
  onError: (error: Error) => void;
  /** Redis takes writes again. */
  onWell?: () => void;
  /** After each check. */
  onProbe?: (probe: RedisProbe) => void;
}

export interface RedisProbe {
  /** Null if Redis took no write. */
  roundTripMs: number | null;
  memory: RedisMemory;
}

/** Memory of the fullest server. Zeros if it cannot be read (some managed Redis refuse INFO). */
interface RedisMemory {
  usedBytes: number;
  /** 0 without `maxmemory`. */
  maxBytes: number;
}

/** New work is refused at this level, so that requests in flight can end, and accepted again at a lower one. */
const FULL_PERCENT = 95;
const ROOMY_PERCENT = 92;
const PROBE_MS = 1_000;
const ANSWER_LIMIT_MS = 1_500;
const KEPT_MS = 60_000;
/** Slower answers are ignored: they do not show exactly enough when the clock was read. */
const EXACT_WITHIN_MS = 100;

export function startRedisWatch({ redis, keys, onError, onWell, onProbe }: RedisWatchOptions): RedisWatch {
  const asked = isCluster(redis) ? keys : keys.slice(0, 1);
  let trouble: string | null = null;
  /** The last refusal of this outage. Kept, because there are none while reconnecting. */
  let refusal: RedisRefusal | null = null;
  let fullPercent: number | null = null;
  let isAsking = false;
  let memory = UNKNOWN_MEMORY;
  /** Redis' clock minus this process's monotonic clock. */
  let offsetMs: number | null = null;

  async function lookAtClock(): Promise<void> {
    if (isCluster(redis)) return;
    const askedAtMs = performance.now();
    const [seconds, microseconds] = await redis.time();
    const answeredAtMs = performance.now();
    const isExact = offsetMs === null || answeredAtMs - askedAtMs < EXACT_WITHIN_MS;
    if (isExact) offsetMs = Number(seconds) * 1_000 + Number(microseconds) / 1_000 - (askedAtMs + answeredAtMs) / 2;
  }

  async function ask(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    const askedAtMs = performance.now();
    const answers = Promise.all(asked.map((key) => redis.set(key, '1', 'PX', KEPT_MS))).finally(() => {
      isAsking = false;
    });
    try {
      await withinLimit(answers);
      const roundTripMs = performance.now() - askedAtMs;
      await withinLimit(lookAtClock());
      memory = await readMemory(redis);
      onProbe?.({ roundTripMs, memory });
      const percent = percentOf(memory);
      fullPercent = percent >= (fullPercent === null ? FULL_PERCENT : ROOMY_PERCENT) ? percent : null;
      if (trouble !== null) onWell?.();
      trouble = null;
      refusal = null;
    } catch (error) {
      refusal = refusalOf(error as Error) ?? refusal;
      trouble = refusal === null ? 'Redis does not respond' : `Redis accepts no writes (${refusal})`;
      onProbe?.({ roundTripMs: null, memory });
      onError(error as Error);
    }
  }

  const timer = setInterval(() => void ask(), PROBE_MS);
  void ask();
  return {
    get trouble() {
      return trouble;
    },
    get fullPercent() {
      return fullPercent;
    },
    redisNowMs: () => (offsetMs === null ? null : Math.round(performance.now() + offsetMs)),
    stop: () => clearInterval(timer),
  };
}

const UNKNOWN_MEMORY: RedisMemory = { usedBytes: 0, maxBytes: 0 };

async function readMemory(redis: RedisClient): Promise<RedisMemory> {
  const servers = isCluster(redis) ? redis.nodes('master') : [redis];
  const answers = await withinLimit(Promise.all(servers.map((server) => server.info('memory').catch(() => ''))));
  const memories = answers.map((info) => ({
    usedBytes: numberOf(info, 'used_memory'),
    maxBytes: numberOf(info, 'maxmemory'),
  }));
  return memories.reduce((fullest, next) => (isFuller(next, fullest) ? next : fullest), UNKNOWN_MEMORY);
}

function isFuller(a: RedisMemory, b: RedisMemory): boolean {
  return percentOf(a) === percentOf(b) ? a.usedBytes > b.usedBytes : percentOf(a) > percentOf(b);
}

function numberOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
}

function percentOf({ usedBytes, maxBytes }: RedisMemory): number {
  return maxBytes === 0 ? 0 : Math.round((usedBytes / maxBytes) * 100);
}

/** The command itself is not cancelled: it is sent once the connection is back. */
function withinLimit<T>(answers: Promise<T>): Promise<T> {
  return withinOwnTime(ANSWER_LIMIT_MS, answers, () => new Error('Command timed out: Redis does not respond'));
}
