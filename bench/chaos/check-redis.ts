// Checks what is left in Redis when there are no more requests.
import type { Redis } from 'ioredis';

/** Keys of requests, jobs and waiting requests, all of which end. */
const TRANSIENT = /:(?:req|body|log|idem):|-interactive:req_|-batch:req_|:(?:leases|room|presence|waiting:)/;
const SCAN_COUNT = 1_000;

/** Number of keys by kind, that is without names and numbers. */
export async function countKeys(redis: Redis): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const key of await allKeys(redis)) {
    const kind = key
      .replace(/req_[0-9a-z]+(-\d+)?/, '*')
      .replace(/:idem:.*/, ':idem:*')
      .replace(PER_DEPLOYMENT, ':$1:*');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/**
 * Kinds with one key for the whole broker, or one per provider, lane or deployment. Whether they exist at a given moment depends
 * on recent activity.
 */
const FIXED =
  /:(?:stalled-check|meta|marker|events|id|probe|bodies|body-bytes|open|open-leases|open-circuits|ledger|workers|wait-queues|wait-queue-(?:tokens|served)|turn:watch)$|:(?:pace|speeds|circuit|window):\*$/;
/** Kinds with one key per provider, deployment or model that was called. */
const PER_DEPLOYMENT = /:(pace|speeds|circuit|window):.*/;
const MOST_DEPLOYMENTS = 8;

/** Unexpected growth between two counts: new kinds, and kinds with more keys. */
export function growth(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after]
    .filter(([kind, count]) =>
      before.has(kind) || FIXED.test(kind) ? count > Math.max(most(kind), before.get(kind) ?? 0) : true,
    )
    .map(([kind, count]) => `${kind}: ${before.get(kind) ?? 0} before, ${count} after`);
}

function most(kind: string): number {
  return kind.endsWith('*') ? MOST_DEPLOYMENTS : 1;
}

/** Without failed jobs, which BullMQ keeps for inspection (src/queue/producer.ts). */
export async function transientKeys(redis: Redis): Promise<string[]> {
  const keys = await allKeys(redis);
  const failed = await Promise.all(
    keys.filter((key) => key.endsWith(':failed')).map((key) => redis.zrange(key, '0', '-1')),
  );
  const givenUp = new Set(failed.flat());
  return keys.filter((key) => TRANSIENT.test(key) && !givenUp.has(key.slice(key.lastIndexOf(':') + 1)));
}

/** Rooms, in which requests wait for a permit: members left by a dead worker expire with the key (permit.lua). */
const ROOM = /:(?:room|presence):/;
const ROOM_KEPT_MS = 130_000;

/** Transient keys that belong to these requests, or to none. */
export async function keysOf(redis: Redis, accepted: ReadonlySet<string>): Promise<string[]> {
  const keys = await transientKeys(redis);
  const areTheirs = await Promise.all(
    keys.map(async (key) => {
      const ids = key.includes(':waiting:') ? (await redis.zrange(key, '0', '-1')).map(idIn) : [idIn(key)];
      return ids.some((id) => id === '' || accepted.has(id));
    }),
  );
  return keys.filter((_, index) => areTheirs[index]);
}

function idIn(text: string): string {
  return /req_[0-9a-z]+/.exec(text)?.[0] ?? '';
}

/**
 * Checks that all remaining keys expire and that all remaining records are done. For requests whose clients were not told that
 * they are accepted (their API process died between record and job), only the time to live is checked.
 */
export async function checkRest(redis: Redis, keptMs: number, accepted: ReadonlySet<string>): Promise<string[]> {
  const keys = await transientKeys(redis);
  // Wait queues are skipped: the janitor removes what a crash has left there (workers/support/start-worker.ts).
  const checks = keys
    .filter((key) => !key.includes(':waiting:'))
    .map(async (key) => {
      const requestId = idIn(key);
      if (requestId !== '' && !accepted.has(requestId) && (await redis.pttl(key)) >= 0) return null;
      const timeToLiveMs = await redis.pttl(key);
      const isGone = timeToLiveMs === -2;
      const mostMs = ROOM.test(key) ? Math.max(ROOM_KEPT_MS, keptMs) : keptMs;
      if (!isGone && (timeToLiveMs < 0 || timeToLiveMs > mostMs))
        return `${key} is left behind (expires in ${timeToLiveMs} ms)${await describe(redis, key)}`;
      const state = key.includes(':req:') ? await redis.hget(key, 'state') : null;
      return state === null || state === 'done' ? null : `${key} is not done${await describe(redis, key)}`;
    });
  return (await Promise.all(checks)).filter((violation) => violation !== null);
}

async function describe(redis: Redis, key: string): Promise<string> {
  if (!key.includes(':req:')) return '';
  const { spec: _, ...record } = await redis.hgetall(key);
  return `: ${JSON.stringify(record)}`;
}

async function allKeys(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'COUNT', SCAN_COUNT);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}
