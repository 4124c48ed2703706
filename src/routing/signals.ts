// The measurements that strategies use (strategies.ts): prices from the configuration, the rest from Redis. No plan waits for
// Redis: it gets the value read last, and a stale value that is used is read again in the background. Values that no strategy
// uses are never read.
import { LRUCache } from 'lru-cache';
import type { Candidate, Catalogue } from '../config/catalogue.ts';
import type { Credential } from '../config/credentials.ts';
import { atMost } from '../contracts/cache-size.ts';
import { type Limits, RATE_KINDS, type RateName } from '../contracts/limit-kinds.ts';
import { costOf, PICO_PER_USD } from '../contracts/money.ts';
import { circuitOf } from '../contracts/route-plan.ts';
import { modelScopeName, type Scope } from '../contracts/scope.ts';
import { NO_USAGE } from '../contracts/usage.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Signals } from './strategies.ts';

/** The expected size of a request, as far as prices depend on it. */
export interface RequestSize {
  inputTokens: number;
  outputTokens: number;
}

export interface SignalBoard {
  signalsFor(size: RequestSize): Signals;
  /** Counts a plan that begins with this deployment, until its load is read again. */
  noteChosen(deploymentId: string): void;
}

export interface SignalBoardOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  catalogue: Pick<Catalogue, 'priceOf'>;
  /** From src/limits. */
  limiter: { peek(scopeName: string): Promise<{ used: Record<RateName, number>; blockedMs: number }> };
  /** From src/limits. Absent: only configured limits count. */
  learned?: { scopeOf(scope: Scope, configured?: Limits): Scope };
  onError: (error: Error) => void;
}

const LOAD_FRESH_MS = 250;
const QUOTA_FRESH_MS = 1_000;
const SPEED_FRESH_MS = 1_000;
/** Older values are not used: they were read for earlier plans. */
const WORTHLESS_MS = 30_000;
const MAX_REMEMBERED = 5_000;

interface Remembered<T> {
  value: T | null;
  readAtMs: number;
  isBeingRead: boolean;
}

/** The value read last for a name; null before the first read. */
function remembered<T>(
  freshMs: number,
  read: (name: string) => Promise<T>,
  onError: (error: Error) => void,
): (name: string) => T | null {
  const values = new LRUCache<string, Remembered<T>>(atMost(MAX_REMEMBERED));
  return (name) => {
    let known = values.get(name);
    if (known === undefined) {
      known = { value: null, readAtMs: 0, isBeingRead: false };
      values.set(name, known);
    }
    const ageMs = Date.now() - known.readAtMs;
    if (ageMs > freshMs && !known.isBeingRead) refresh(known, read(name), onError);
    return ageMs > WORTHLESS_MS ? null : known.value;
  };
}

function refresh<T>(known: Remembered<T>, reading: Promise<T>, onError: (error: Error) => void): void {
  known.isBeingRead = true;
  reading
    .then((value) => {
      known.value = value;
      known.readAtMs = Date.now();
    }, onError)
    .finally(() => {
      known.isBeingRead = false;
    });
}

export function createSignalBoard(options: SignalBoardOptions): SignalBoard {
  const { redis, keyspace, catalogue, limiter, learned, onError } = options;
  /** Plans since the load was read. Without them, a process would send everything to the deployment that was idle then. */
  const chosen = new LRUCache<string, number>(atMost(MAX_REMEMBERED));

  const loadOf = remembered(
    LOAD_FRESH_MS,
    async (deploymentId) => {
      const { leases, waiting } = keyspace.scope(`deployment:${deploymentId}`);
      const counts = await Promise.all([
        redis.zcount(leases, Date.now(), '+inf'),
        redis.zcard(waiting.interactive),
        redis.zcard(waiting.batch),
      ]);
      chosen.delete(deploymentId);
      return counts.reduce((sum, count) => sum + count, 0);
    },
    onError,
  );
  const windowOf = remembered(QUOTA_FRESH_MS, limiter.peek, onError);
  const speedOf = remembered(SPEED_FRESH_MS, (circuit) => readSpeed(redis, keyspace, circuit), onError);

  function leftOf({ name, limits }: Scope): number {
    const limited = RATE_KINDS.filter((kind) => limits[kind.name] !== undefined);
    const window = limited.length === 0 ? null : windowOf(name);
    if (window === null) return 1;
    if (window.blockedMs > 0) return 0;
    return Math.max(0, ...[Math.min(...limited.map((kind) => 1 - window.used[kind.name] / limits[kind.name]!))]);
  }

  /** The free share of the credential that has the largest one. */
  function leftOfCredentials(credentials: readonly Credential[], circuit: string): number {
    if (credentials.length === 0) return 1;
    const each = credentials.map(({ name, scope }) => {
      const ofModel = { name: modelScopeName(circuit, name), limits: {} };
      return Math.min(leftOf(scope), leftOf(learned?.scopeOf(ofModel, scope.limits) ?? ofModel));
    });
    return Math.max(...each);
  }

  return {
    signalsFor: (size) => ({
      costUsd: ({ deployment, upstreamModel }) => {
        const price = catalogue.priceOf(deployment, upstreamModel, size.inputTokens);
        return price === null ? null : Number(costOf({ ...NO_USAGE, ...size }, price)) / Number(PICO_PER_USD);
      },
      load: ({ deployment: { id } }) => {
        const load = loadOf(id);
        return load === null ? null : load + (chosen.get(id) ?? 0);
      },
      firstTokenMs: (candidate) => speedOf(circuitName(candidate))?.firstTokenMs ?? null,
      tokensPerSecond: (candidate) => speedOf(circuitName(candidate))?.tokensPerSecond ?? null,
      quotaLeft: (candidate) => {
        const { scope, provider } = candidate.deployment;
        const limited = (provider.learnsLimits && learned?.scopeOf(scope, provider.scope.limits)) || scope;
        return Math.min(
          leftOf(limited),
          leftOf(provider.scope),
          leftOfCredentials(provider.credentials, circuitName(candidate)),
        );
      },
    }),
    noteChosen: (deploymentId) => chosen.set(deploymentId, (chosen.get(deploymentId) ?? 0) + 1),
  };
}

/** Speeds are measured per model of a wildcard. */
function circuitName({ deployment, upstreamModel }: Candidate): string {
  const isWildcard = deployment.upstreamModel.includes('*');
  return circuitOf({ deployment: deployment.id, upstreamModel, ...(isWildcard ? { isWildcard } : {}) });
}

/** How one stream went. */
export interface StreamSpeed {
  firstTokenMs: number;
  /** Null if it was too short to measure. */
  tokensPerSecond: number | null;
}

export interface SpeedLog {
  /** @param circuit as `circuitOf` names it. Returns at once. Only a sample of the streams is kept. */
  note(circuit: string, speed: StreamSpeed): void;
}

/** Samples kept per circuit, of all workers. */
const KEPT = 40;
/** Older samples are ignored, so that a deployment that was slow is tried again. */
export const KEPT_MS = 600_000;
/** Least time between two samples of a process for a circuit, so that the cost does not grow with the traffic. */
const SAMPLE_MS = 200;

export function createSpeedLog(redis: RedisClient, keyspace: Keyspace, onError: (error: Error) => void): SpeedLog {
  const notedAtMs = new LRUCache<string, number>(atMost(MAX_REMEMBERED));
  return {
    note(circuit, { firstTokenMs, tokensPerSecond }) {
      if (Date.now() - (notedAtMs.get(circuit) ?? 0) < SAMPLE_MS) return;
      notedAtMs.set(circuit, Date.now());
      const key = keyspace.speeds(circuit);
      const sample = [Date.now(), Math.round(firstTokenMs), tokensPerSecond === null ? '' : tokensPerSecond.toFixed(1)];
      const written = [redis.lpush(key, sample.join(' ')), redis.ltrim(key, 0, KEPT - 1), redis.pexpire(key, KEPT_MS)];
      Promise.all(written).catch(onError);
    },
  };
}

interface Speed {
  firstTokenMs: number | null;
  tokensPerSecond: number | null;
}

async function readSpeed(redis: RedisClient, keyspace: Keyspace, circuit: string): Promise<Speed> {
  const samples = (await redis.lrange(keyspace.speeds(circuit), 0, -1)).map((text) => text.split(' '));
  const fresh = samples.filter(([atMs]) => Date.now() - Number(atMs) <= KEPT_MS);
  const rates = fresh.flatMap(([, , rate]) => (rate === '' || rate === undefined ? [] : [Number(rate)]));
  return {
    firstTokenMs: quantile(
      fresh.map(([, firstTokenMs]) => Number(firstTokenMs)),
      0.75,
    ),
    tokensPerSecond: quantile(rates, 0.5),
  };
}

/** Null for an empty list. */
export function quantile(values: readonly number[], part: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? null;
}
