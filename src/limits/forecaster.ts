// Forecasts start times from the state in Redis: windows, wait queues, permits held, pace. Slowly changing state is read at most
// a few times a second, so that an overload costs only a handful of commands.
import { LRUCache } from 'lru-cache';
import type { Catalogue, Deployment } from '../config/catalogue.ts';
import type { Credential } from '../config/credentials.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { RouteStep } from '../contracts/route-plan.ts';
import { accountScopesOf, type Scope } from '../contracts/scope.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import {
  type Ahead,
  createServedRates,
  type ForecastInput,
  forecastStartMs,
  isNearlyFull,
  type Obstacle,
  othersWithin,
  ownBefore,
  type Served,
} from './forecast.ts';
import type { LearnedLimits } from './learned-limits.ts';
import { attemptScopes } from './permit-terms.ts';
import { ownersOf, type WaitEntry, type WaitingSpec, type WaitTotals, waitEntry } from './wait-queue.ts';
import { readScope, readWindow } from './window.ts';

export interface ForecastQuestion {
  spec: WaitingSpec & Pick<RequestSpec, 'deadlineAtMs'>;
  step: RouteStep;
  deployment: Deployment;
  /** Its place in a scope's wait queue, if the caller knows it; default: the number accepted earlier. */
  placeOf?: (scopeName: string) => WaitTotals | undefined;
}

export interface ForecastAnswer {
  /** Milliseconds until its permit, by the limits of provider and deployment. */
  startMs: number;
  /** The same by the limits of its key, project and organisation; 0 without any. */
  accountStartMs: number;
  /** The scope among these that makes it wait longest; null if none does. */
  account: string | null;
  /** Mean duration of the deployment's recent calls; 0 before the first. */
  callMs: number;
}

export interface Forecaster {
  ask(question: ForecastQuestion): Promise<ForecastAnswer>;
  /** The place of a request in a wait queue with so many accepted before it, given that keys take turns. */
  fairPlace(entry: WaitEntry, scopeName: string, earlier: number): Promise<number>;
}

const CONFIGURED_ONLY: Pick<LearnedLimits, 'scopeOf'> = { scopeOf: (scope) => scope };
const FRESH_MS = 250;
const MAX_REMEMBERED = 2_000;

/** The state of one scope. */
interface ScopeState {
  window: Record<string, string>;
  inFlight: number;
  /** The offset of Redis' clock, which wrote all times, from the clock of this process. */
  aheadMs: number;
}

interface QueueState extends WaitTotals {
  served: Served;
  owners: ReadonlyMap<string, number>;
}

/** The request and where it waits. */
interface Asked extends ForecastQuestion {
  entry: WaitEntry;
}

/** Deployments by provider, from the current catalogue. */
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
      // Also for scopes without limits: a provider may have blocked them.
      const { fields, inFlight, redisNowMs } = await readScope(redis, keyspace, name);
      return { window: fields, inFlight, aheadMs: redisNowMs - Date.now() };
    });
  }

  function queueState(name: string, lane: WaitEntry['lane']): Promise<QueueState> {
    return fresh(`queue ${lane} ${name}`, async () => {
      const queue = keyspace.scope(name).waiting[lane];
      const [requests, tokens, served, owners] = await Promise.all([
        redis.zcard(queue),
        redis.hget(keyspace.waitQueueTokens, queue),
        redis.hget(keyspace.waitQueueServed, queue),
        redis.hgetall(ownersOf(queue)),
      ]);
      const rate = rates.look(queue, Number(served ?? 0), requests === 0, Date.now());
      const counts = new Map(Object.entries(owners).map(([owner, count]) => [owner, Number(count)]));
      return { requests, tokens: Number(tokens ?? 0), served: rate, owners: counts };
    });
  }

  function paceOf(deployment: Deployment): Promise<(string | null)[]> {
    const { pace } = keyspace.scope(deployment.scope.name);
    return fresh(`pace ${deployment.id}`, () => redis.hmget(pace, 'ms', 'share'));
  }

  /** What waits before it: its own lane by turns, and for the batch lane all interactive requests. */
  async function aheadIn(name: string, question: Asked): Promise<Ahead> {
    const { entry } = question;
    const earlier = question.placeOf?.(name) ?? (await earlierIn(name, entry));
    if (entry.lane === 'interactive') return fairly(earlier, await queueState(name, 'interactive'), entry);
    const own = earlier;
    const interactive = await queueState(name, 'interactive');
    return { requests: own.requests + interactive.requests, tokens: own.tokens + interactive.tokens };
  }

  function fairly(earlier: Ahead, state: QueueState, { owner }: WaitEntry): Ahead {
    if (owner === undefined || state.owners.size < 2) return earlier;
    const before = ownBefore(state, owner, earlier.requests);
    const requests = before + othersWithin(state, owner, before + 1);
    return { requests, tokens: (state.tokens * requests) / Math.max(1, state.requests) };
  }

  async function earlierIn(name: string, { lane, acceptedAtMs }: WaitEntry): Promise<Ahead> {
    const state = await queueState(name, lane);
    if (state.requests === 0) return NOBODY;
    const requests = await redis.zcount(keyspace.scope(name).waiting[lane], '-inf', `(${acceptedAtMs}`);
    return { requests, tokens: (state.tokens * requests) / state.requests };
  }

  /**
   * Requests for other deployments of the provider compete for its limits: from each wait queue as many as its own limit lets
   * through until the request's deadline, and from other keys at most as many as have earlier turns.
   */
  async function competitors(question: Asked, own: Ahead): Promise<Ahead> {
    const { deployment, entry, spec } = question;
    const minutes = Math.max(0, spec.deadlineAtMs - Date.now()) / 60_000;
    const others = (ofProvider.get(deployment.provider.name) ?? []).filter(({ id }) => id !== deployment.id);
    const waiting = await Promise.all(
      others.map(async ({ scope }) => {
        const ahead = await queueState(scope.name, entry.lane);
        const requests = turnsIn(ahead, entry, own);
        const allowed = (scope.limits.requestsPerMinute ?? Number.POSITIVE_INFINITY) * Math.max(1, minutes);
        const share = Math.min(requests, allowed) / Math.max(1, ahead.requests);
        return { requests: Math.floor(Math.min(requests, allowed)), tokens: ahead.tokens * share };
      }),
    );
    return waiting.reduce(add, NOBODY);
  }

  /** Requests of the same key, and of others for each of its turns. */
  function turnsIn(other: QueueState, { owner }: WaitEntry, { requests }: Ahead): number {
    if (owner === undefined || other.owners.size === 0) return other.requests;
    const own = other.owners.get(owner) ?? 0;
    return Math.min(other.requests, own + othersWithin(other, owner, own + requests + 1));
  }

  async function obstacle(scope: Scope, ahead: Ahead): Promise<Obstacle> {
    const { window, inFlight, aheadMs } = await scopeState(scope);
    return { limits: scope.limits, window: readWindow(window, Date.now() + aheadMs), inFlight, ahead };
  }

  /** The demand before a request in one of the provider's scopes; waiting requests spread over its credentials. */
  async function aheadAtProvider(question: Asked, own: Ahead): Promise<(scope: Scope) => Ahead> {
    const { provider, scope: ofDeployment } = question.deployment;
    const isShared = Object.keys(provider.scope.limits).length > 0;
    const atProvider = isShared ? add(own, await competitors(question, own)) : own;
    const parts = Math.max(1, provider.credentials.length);
    return ({ name }) => {
      if (name === provider.scope.name) return atProvider;
      if (name === ofDeployment.name) return own;
      if (name.startsWith('credential:')) return part(atProvider, parts);
      // For a wildcard deployment it is not known which models its requests wait for.
      return question.deployment.upstreamModel.includes('*') ? NOBODY : part(own, parts);
    };
  }

  /** Limits for a call with this credential, in the same scopes that its permit is requested in. */
  async function obstaclesOf(question: Asked, credential: Credential | null, aheadOf: (scope: Scope) => Ahead) {
    const spec = { keyScope: null };
    const scopes = attemptScopes(learned, { ...question, credential, spec });
    return Promise.all(scopes.map((scope) => obstacle(scope, aheadOf(scope))));
  }

  /** For its key, project and organisation, as far as they have limits. */
  function accountWaits(question: Asked, facts: Facts): Promise<{ account: string; startMs: number }[]> {
    const waits = accountScopesOf(question.spec).map(async (scope) => {
      const obstacles = [await obstacle(scope, await aheadIn(scope.name, question))];
      return { account: scope.name, startMs: forecastStartMs({ ...facts, obstacles, served: UNKNOWN, place: 0 }) };
    });
    return Promise.all(waits);
  }

  async function startAtProvider(question: Asked, facts: Facts): Promise<number> {
    const { entry, deployment } = question;
    const { name } = deployment.scope;
    const [own, { served }] = await Promise.all([aheadIn(name, question), queueState(name, entry.lane)]);
    const aheadOf = await aheadAtProvider(question, own);
    const { credentials } = deployment.provider;
    const choice = credentials.length === 0 ? [null] : credentials;
    const ways = await Promise.all(choice.map((credential) => obstaclesOf(question, credential, aheadOf)));
    if (ways.every((obstacles) => obstacles.some(isNearlyFull))) rates.forget(keyspace.scope(name).waiting[entry.lane]);
    return Math.min(...ways.map((obstacles) => forecastStartMs({ ...facts, obstacles, served, place: own.requests })));
  }

  async function factsOf({ entry, deployment }: Asked): Promise<Facts> {
    const [callMs, share] = await paceOf(deployment);
    return {
      tokens: entry.tokens,
      ...(entry.inputTokens === undefined ? {} : { inputTokens: entry.inputTokens }),
      isBatch: entry.lane === 'batch',
      callMs: callMs == null ? null : Number(callMs),
      usedShare: share == null ? null : Number(share),
    };
  }

  return {
    async fairPlace(entry, scopeName, earlier) {
      if (entry.lane === 'batch') return earlier;
      return fairly({ requests: earlier, tokens: 0 }, await queueState(scopeName, entry.lane), entry).requests;
    },
    async ask(question) {
      const asked = { ...question, entry: waitEntry(question.spec, question.step) };
      const facts = await factsOf(asked);
      const [startMs, accounts] = await Promise.all([startAtProvider(asked, facts), accountWaits(asked, facts)]);
      const last = accounts.reduce((longest, next) => (next.startMs > longest.startMs ? next : longest), NO_WAIT);
      return { startMs, accountStartMs: last.startMs, account: last.account, callMs: facts.callMs ?? 0 };
    },
  };
}

type Facts = Omit<ForecastInput, 'obstacles' | 'served' | 'place'>;

const NO_WAIT: { account: string | null; startMs: number } = { account: null, startMs: 0 };
const NOBODY: Ahead = { requests: 0, tokens: 0 };
const UNKNOWN = { count: 0, overMs: 0 };

function add(a: Ahead, b: Ahead): Ahead {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens };
}

function part({ requests, tokens }: Ahead, parts: number): Ahead {
  return { requests: Math.floor(requests / parts), tokens: tokens / parts };
}
