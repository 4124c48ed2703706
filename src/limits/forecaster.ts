// Forecasts starts from what Redis knows: windows, wait queues, permits held, pace. What moves slowly is read at most a few
// times a second however many ask, so that an overload costs no more than a handful of commands.
import { LRUCache } from 'lru-cache';
import type { Catalogue, Deployment } from '../config/catalogue.ts';
import { modelScopeName, type Scope } from '../contracts/scope.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import {
  type Ahead,
  createServedRates,
  forecastStartMs,
  isNearlyFull,
  type Obstacle,
  type Served,
} from './forecast.ts';
import type { LearnedLimits } from './learned-limits.ts';
import type { WaitEntry, WaitTotals } from './wait-queue.ts';
import { readScope, readWindow } from './window.ts';

export interface ForecastQuestion {
  entry: WaitEntry;
  deployment: Deployment;
  keyScope: Scope | null;
  /** Its place in a scope's wait queue, where the caller knows it better than a count of earlier acceptances. */
  placeOf?: (scopeName: string) => WaitTotals | undefined;
  deadlineAtMs: number;
}

export interface ForecastAnswer {
  /** Until its permit, by the limits of provider and deployment. Milliseconds from now. */
  startMs: number;
  /** The same by the limits of its key; 0 where it has none. */
  keyStartMs: number;
  /** Mean of the deployment's last calls; 0 before the first. */
  callMs: number;
}

export interface Forecaster {
  ask(question: ForecastQuestion): Promise<ForecastAnswer>;
}

const CONFIGURED_ONLY: Pick<LearnedLimits, 'scopeOf'> = { scopeOf: (scope) => scope };
const FRESH_MS = 250;
const MAX_REMEMBERED = 2_000;

/** What was read of one scope. */
interface ScopeState {
  window: Record<string, string>;
  inFlight: number;
  /** The clock of Redis, by which all this was written, against this process's own. */
  aheadMs: number;
}

interface QueueState extends WaitTotals {
  served: Served;
}

/** Deployments by provider, of the catalogue as it is now. */
function createProviderIndex(catalogue: Pick<Catalogue, 'deployments'>) {
  let indexed: Catalogue['deployments'] | null = null;
  let index = new Map<string, Deployment[]>();
  return {
    get(provider: string): readonly Deployment[] | undefined {
      if (indexed !== catalogue.deployments) {
        indexed = catalogue.deployments;
        index = Map.groupBy(indexed.values(), (deployment) => deployment.provider.name);
      }
      return index.get(provider);
    },
  };
}

export function createForecaster(
  redis: RedisClient,
  keyspace: Keyspace,
  catalogue: Pick<Catalogue, 'deployments'>,
  learned: Pick<LearnedLimits, 'scopeOf'> = CONFIGURED_ONLY,
): Forecaster {
  const ofProvider = createProviderIndex(catalogue);
  const rates = createServedRates();
  const remembered = new LRUCache<string, { value: Promise<unknown>; atMs: number }>({ max: MAX_REMEMBERED });

  function fresh<T>(key: string, read: () => Promise<T>): Promise<T> {
    const known = remembered.get(key);
    if (known !== undefined && Date.now() - known.atMs < FRESH_MS) return known.value as Promise<T>;
    const value = read();
    remembered.set(key, { value, atMs: Date.now() });
    value.catch(() => remembered.delete(key));
    return value;
  }

  function scopeState({ name }: Scope): Promise<ScopeState> {
    return fresh(`scope ${name}`, async () => {
      // Also of scopes without limits of their own: a provider may have blocked them.
      const { fields, inFlight, redisNowMs } = await readScope(redis, keyspace, name);
      return { window: fields, inFlight, aheadMs: redisNowMs - Date.now() };
    });
  }

  function queueState(name: string, lane: WaitEntry['lane']): Promise<QueueState> {
    return fresh(`queue ${lane} ${name}`, async () => {
      const queue = keyspace.scope(name).waiting[lane];
      const [requests, tokens, served] = await Promise.all([
        redis.zcard(queue),
        redis.hget(keyspace.waitQueueTokens, queue),
        redis.hget(keyspace.waitQueueServed, queue),
      ]);
      const rate = rates.look(queue, Number(served ?? 0), requests === 0, Date.now());
      return { requests, tokens: Number(tokens ?? 0), served: rate };
    });
  }

  function paceOf(deployment: Deployment): Promise<(string | null)[]> {
    const { pace } = keyspace.scope(deployment.scope.name);
    return fresh(`pace ${deployment.id}`, () => redis.hmget(pace, 'ms', 'share'));
  }

  /** What waits before it: in its own lane by time of acceptance, and for a batch everything interactive. */
  async function aheadIn(name: string, question: ForecastQuestion): Promise<Ahead> {
    const { entry } = question;
    const own = question.placeOf?.(name) ?? (await earlierIn(name, entry));
    if (entry.lane === 'interactive') return own;
    const interactive = await queueState(name, 'interactive');
    return { requests: own.requests + interactive.requests, tokens: own.tokens + interactive.tokens };
  }

  async function earlierIn(name: string, { lane, acceptedAtMs }: WaitEntry): Promise<Ahead> {
    const state = await queueState(name, lane);
    if (state.requests === 0) return NOBODY;
    const requests = await redis.zcount(keyspace.scope(name).waiting[lane], '-inf', `(${acceptedAtMs}`);
    return { requests, tokens: (state.tokens * requests) / state.requests };
  }

  /**
   * What waits for other deployments of the provider wants its limits too: of each wait queue as many as its own limit lets
   * compete until the request's deadline.
   */
  async function competitors(question: ForecastQuestion): Promise<Ahead> {
    const { deployment, entry, deadlineAtMs } = question;
    const minutes = Math.max(0, deadlineAtMs - Date.now()) / 60_000;
    const others = (ofProvider.get(deployment.provider.name) ?? []).filter(({ id }) => id !== deployment.id);
    const waiting = await Promise.all(
      others.map(async ({ scope }) => {
        const ahead = await queueState(scope.name, entry.lane);
        const allowed = (scope.limits.requestsPerMinute ?? Number.POSITIVE_INFINITY) * Math.max(1, minutes);
        const share = ahead.requests <= allowed ? 1 : allowed / ahead.requests;
        return { requests: Math.floor(ahead.requests * share), tokens: ahead.tokens * share };
      }),
    );
    return waiting.reduce(add, NOBODY);
  }

  async function obstacle(scope: Scope, ahead: Ahead): Promise<Obstacle> {
    const { window, inFlight, aheadMs } = await scopeState(scope);
    return { limits: scope.limits, window: readWindow(window, Date.now() + aheadMs), inFlight, ahead };
  }

  /** In the way of each of several credentials; what waits spreads over them. */
  function credentialObstacles(deployment: Deployment, atProvider: Ahead, own: Ahead): Promise<Obstacle[][]> {
    const { credentials, learnsLimits } = deployment.provider;
    const part = ({ requests, tokens }: Ahead) => ({
      requests: Math.floor(requests / credentials.length),
      tokens: tokens / credentials.length,
    });
    const ways = credentials.map(({ name, scope }) => {
      const ofModel = { name: modelScopeName(deployment.id, name), limits: {} };
      const limited = learnsLimits ? learned.scopeOf(ofModel, scope.limits) : ofModel;
      return Promise.all([obstacle(scope, part(atProvider)), obstacle(limited, part(own))]);
    });
    return Promise.all(ways);
  }

  return {
    async ask(question) {
      const { entry, deployment, keyScope } = question;
      const [own, state, [callMs, share]] = await Promise.all([
        aheadIn(deployment.scope.name, question),
        queueState(deployment.scope.name, entry.lane),
        paceOf(deployment),
      ]);
      const { provider } = deployment;
      const limited = provider.learnsLimits
        ? learned.scopeOf(deployment.scope, provider.scope.limits)
        : deployment.scope;
      const isShared = Object.keys(provider.scope.limits).length > 0;
      const atProvider = isShared ? add(own, await competitors(question)) : own;
      const facts = {
        tokens: entry.tokens,
        ...(entry.inputTokens === undefined ? {} : { inputTokens: entry.inputTokens }),
        isBatch: entry.lane === 'batch',
        callMs: callMs == null ? null : Number(callMs),
        usedShare: share == null ? null : Number(share),
      };
      const obstacles = await Promise.all([obstacle(provider.scope, atProvider), obstacle(limited, own)]);
      if (obstacles.some(isNearlyFull)) rates.forget(keyspace.scope(deployment.scope.name).waiting[entry.lane]);
      const base = { ...facts, served: state.served, place: own.requests };
      const pool = await credentialObstacles(deployment, atProvider, own);
      const ofPool = pool.map((way) => forecastStartMs({ ...base, obstacles: [...obstacles, ...way] }));
      const startMs = pool.length === 0 ? forecastStartMs({ ...base, obstacles }) : Math.min(...ofPool);
      const ofKey = keyScope === null ? [] : [await obstacle(keyScope, await aheadIn(keyScope.name, question))];
      const keyStartMs = forecastStartMs({ ...facts, obstacles: ofKey, served: UNKNOWN, place: 0 });
      return { startMs, keyStartMs, callMs: facts.callMs ?? 0 };
    },
  };
}

const NOBODY: Ahead = { requests: 0, tokens: 0 };
const UNKNOWN = { count: 0, overMs: 0 };

function add(a: Ahead, b: Ahead): Ahead {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens };
}
