// Whether Redis takes writes, asked once a second by a write of no consequence: a primary that was demoted, is full, has lost
// its replicas or its disk answers `PING` like any other. The question also finds out for connections that only listen: a
// refusal that another server would not give makes all connections of the process come anew (redis.ts).

import { isCluster, type RedisClient } from './redis.ts';
import { type RedisRefusal, refusalOf } from './redis-trouble.ts';

export interface RedisWatch {
  /** What is wrong, in words for an operator; null while Redis takes writes. */
  readonly trouble: string | null;
  /** How full Redis is, in percent of `maxmemory`, while that is nearly all of it; else null. */
  readonly fullPercent: number | null;
  stop(): void;
}

export interface RedisWatchOptions {
  redis: RedisClient;
  /** One key of each hash tag: in a cluster they are on different servers. Without one, the first is enough. */
  keys: readonly string[];
  onError: (error: Error) => void;
  /** Redis takes writes again. */
  onWell?: () => void;
}

/** New work is refused from here on, so that what runs can end; and accepted again when it is a little less. */
const FULL_PERCENT = 95;
const ROOMY_PERCENT = 92;
const PROBE_MS = 1_000;
const ANSWER_LIMIT_MS = 1_500;
const KEPT_MS = 60_000;

export function startRedisWatch({ redis, keys, onError, onWell }: RedisWatchOptions): RedisWatch {
  const asked = isCluster(redis) ? keys : keys.slice(0, 1);
  let trouble: string | null = null;
  /** The last of this trouble: between two refusals a connection that comes anew has none. */
  let refusal: RedisRefusal | null = null;
  let fullPercent: number | null = null;
  let isAsking = false;

  async function ask(): Promise<void> {
    if (isAsking) return;
    isAsking = true;
    const answers = Promise.all(asked.map((key) => redis.set(key, '1', 'PX', KEPT_MS))).finally(() => {
      isAsking = false;
    });
    try {
      await withinLimit(answers);
      const percent = await usedPercent(redis);
      fullPercent = percent >= (fullPercent === null ? FULL_PERCENT : ROOMY_PERCENT) ? percent : null;
      if (trouble !== null) onWell?.();
      trouble = null;
      refusal = null;
    } catch (error) {
      refusal = refusalOf(error as Error) ?? refusal;
      trouble = refusal === null ? 'Redis does not answer' : `Redis takes no writes (${refusal})`;
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
    stop: () => clearInterval(timer),
  };
}

/** Of the fullest server; 0 where there is no bound, or nobody may ask (a managed Redis without INFO). */
async function usedPercent(redis: RedisClient): Promise<number> {
  const servers = isCluster(redis) ? redis.nodes('master') : [redis];
  const answers = await withinLimit(Promise.all(servers.map((server) => server.info('memory').catch(() => ''))));
  return Math.max(0, ...answers.map(readPercent));
}

function readPercent(info: string): number {
  const numberOf = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  const most = numberOf('maxmemory');
  return most === 0 ? 0 : Math.round((numberOf('used_memory') / most) * 100);
}

/** A command on a connection that waits for its server is not given up: it is asked about again when it has come back. */
async function withinLimit<T>(answers: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('Command timed out: Redis does not answer')), ANSWER_LIMIT_MS);
  });
  answers.catch(() => undefined);
  return Promise.race([answers, limit]).finally(() => clearTimeout(timer));
}
