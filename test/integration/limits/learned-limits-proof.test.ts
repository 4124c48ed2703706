// The short form of `npm run limits-proof`: the limiter's own scripts, the workers' handling of responses, and a provider with
// exact limits and a simulated clock, so minutes pass in a second and without noise of the machine. Each scenario has a minute
// to learn; after that at least 95 % of the binding limit are used, at most 1 % of the calls are refused, and none is made
// before a requested wait is over.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import { createFailure } from '#src/contracts/failure.ts';
import type { Scope } from '#src/contracts/scope.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { createLearnedLimits, type LearnedLimits } from '#src/limits/learned-limits.ts';
import { createLimiter, type Limiter, type Permit, type PermitDecision } from '#src/limits/limiter.ts';
import { attemptScopes, countsExpected } from '#src/limits/permit-terms.ts';
import { createTokenEstimates, type TokenEstimates } from '#src/limits/token-estimates.ts';
import type { RateLimitHint } from '#src/protocols/protocol.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import {
  type AccountLimits,
  APART,
  LIMITS,
  LimitedAccount,
  MINUTE_MS,
  type Rate,
  type Refusal,
  type Shape,
  SMALL,
  times,
  UNLIMITED,
  type Verdict,
  verdictOf,
} from '#test/support/limited-account.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { Schedule, withTestTime } from '#test/support/test-time.ts';
import type { InferenceContext } from '#workers/inference/delivery.ts';
import { learn } from '#workers/inference/learn.ts';
import { usedTokens } from '#workers/inference/permit-request.ts';
import type { AttemptOutcome } from '#workers/inference/run-attempt.ts';

const keyspace = createKeyspace('test');
const BEGIN_MS = 1_800_000_000_000;
const WORKERS = 3;
const CLIENTS = 50;
/** What a worker reserves for an answer without max_tokens. */
const RESERVED_OUTPUT = 400;
let redis: TestRedis;
let subscriptions: RedisClient[];
let limiter: Limiter;
let estimates: TokenEstimates;
let workers: LearnedLimits[];
let schedule: Schedule;

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(withTestTime(redis.client), keyspace);
  subscriptions = Array.from({ length: WORKERS }, () => redis.client.duplicate());
});
afterAll(async () => {
  for (const subscription of subscriptions) subscription.disconnect();
  await redis.stop();
});

const fail = (error: Error) => {
  throw error;
};
const permits = new Map<number, Set<Permit>>();

beforeEach(async () => {
  await redis.client.flushall();
  vi.useFakeTimers({ toFake: ['Date'] });
  schedule = new Schedule(redis.client);
  await schedule.begin(BEGIN_MS);
  estimates = createTokenEstimates(redis.client, keyspace, fail);
  workers = await Promise.all(
    subscriptions.map((subscription, index) => {
      permits.set(index, new Set());
      return createLearnedLimits({
        redis: redis.client,
        subscription: subscription.removeAllListeners('smessage'),
        keyspace,
        onError: fail,
        onCounted: (name) => void limiter.countCalls([...permits.get(index)!], name),
      });
    }),
  );
});
afterEach(() => {
  for (const learned of workers) learned.stop();
  estimates.stop();
  vi.useRealTimers();
});

interface Scenario {
  binding: keyof AccountLimits;
  accounts: AccountLimits[];
  shape: Shape;
  /** How the provider announces its limits. */
  tells: 'openai' | 'anthropic' | 'refusals';
  /** After the minutes of learning. */
  factor?: number;
  /** Absent: one. */
  learningMinutes?: number;
}

const HALF = times(LIMITS, 0.5);

const deploymentOf = (accounts: number) => {
  const scope = { name: 'deployment:a/m', limits: {} };
  const credentials = Array.from({ length: accounts }, (_, index) => ({
    name: `c${index}`,
    scope: { name: `credential:a/c${index}`, limits: {} },
  })) as unknown as Credential[];
  const provider = { name: 'a', learnsLimits: true, scope: { name: 'provider:a', limits: {} }, credentials };
  return { id: 'a/m', upstreamModel: 'm', scope, provider } as unknown as Deployment;
};

class World {
  readonly accounts: LimitedAccount[];
  readonly #scenario: Scenario;
  readonly #deployment: Deployment;
  /** By time of acceptance. */
  #waiting: number[] = [];
  #nextAskMs = Number.POSITIVE_INFINITY;
  #lastRequest = 0;
  /** Where the first that waits has been denied. */
  #rooms: Scope[] = [];

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
    this.accounts = scenario.accounts.map((limits) => new LimitedAccount(limits));
    this.#deployment = deploymentOf(scenario.accounts.length);
    for (let client = 0; client < CLIENTS; client++) this.#comesIn();
    schedule.at(BEGIN_MS, () => this.#askAll());
  }

  async minute(): Promise<Verdict> {
    await schedule.runUntil(schedule.nowMs + MINUTE_MS);
    return verdictOf(this.accounts, MINUTE_MS);
  }

  #comesIn(): void {
    this.#lastRequest += 1;
    this.#waiting.push(this.#lastRequest);
  }

  /** All requests that can start do; the others ask again after the time that the limiter returned. */
  async #askAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const waitMs = await this.#ask(this.#waiting[0]!);
      if (waitMs === null) {
        this.#waiting.shift();
        continue;
      }
      const atMs = schedule.nowMs + Math.min(1_000, waitMs);
      if (atMs >= this.#nextAskMs && this.#nextAskMs > schedule.nowMs) return;
      this.#nextAskMs = atMs;
      return schedule.at(atMs, () => this.#askAll());
    }
  }

  /** Null: it has begun; else how long it has to wait. */
  async #ask(request: number): Promise<number | null> {
    const denials: Extract<PermitDecision, { kind: 'denied' }>[] = [];
    for (let place = 0; place < this.accounts.length; place++) {
      // Each has its share of the first choices.
      const index = (request + place) % this.accounts.length;
      const account = this.accounts[index]!;
      const decision = await this.#acquire(request, index);
      if (decision.kind === 'granted') {
        // As the desk does it (workers/inference/permit-desk.ts).
        await limiter.leave({ requestId: `req_${request}`, acceptedAtMs: request }, this.#rooms);
        this.#rooms = [];
        this.#begin(request, index, account, decision.permit);
        return null;
      }
      denials.push(decision);
      this.#rooms.push(decision.scope);
    }
    return Math.min(...denials.map(({ waitMs }) => waitMs));
  }

  #step = { deployment: 'a/m', provider: 'a', upstreamModel: 'm', model: 'm' };

  #credential(index: number): Credential | null {
    const { credentials } = this.#deployment.provider;
    return credentials.length > 1 ? credentials[index]! : null;
  }

  #acquire(request: number, index: number): Promise<PermitDecision> {
    const place = { deployment: this.#deployment, step: this.#step, spec: { keyScope: null } };
    const credential = this.#credential(index);
    const scopes = attemptScopes(workers[request % WORKERS]!, { ...place, credential });
    const reserved = { inputTokens: this.#scenario.shape.inputTokens, outputTokens: RESERVED_OUTPUT };
    const names = { attemptId: `req_${request}.1`, requestId: `req_${request}` };
    return limiter.acquire({
      ...names,
      scopes,
      ...(credential === null ? {} : { credential: credential.name }),
      acceptedAtMs: request,
      isBatch: false,
      tokens: reserved.inputTokens + reserved.outputTokens,
      ...reserved,
      ...(scopes.some(countsExpected) ? { expected: estimates.expect('a/m', reserved) } : {}),
      unsettledEntry: '{}',
    });
  }

  #begin(request: number, index: number, account: LimitedAccount, permit: Permit): void {
    const { shape } = this.#scenario;
    permits.get(request % WORKERS)!.add(permit);
    // The time until the call reaches the provider.
    schedule.at(schedule.nowMs + 2, async () => {
      const refusal = account.begin(shape, schedule.nowMs);
      const hint = this.#hintOf(account);
      if (refusal !== null) return this.#ends(request, index, permit, refusal, hint);
      schedule.at(schedule.nowMs + shape.callMs, async () => {
        account.end(shape);
        await this.#ends(request, index, permit, null, hint);
        this.#comesIn();
        await this.#askAll();
      });
    });
  }

  async #ends(request: number, index: number, permit: Permit, refusal: Refusal | null, hint: RateLimitHint) {
    const { shape } = this.#scenario;
    const failure = refusal === null ? null : failureOf(refusal);
    const said = refusal === null || this.#scenario.tells !== 'refusals' ? {} : { said: this.#saidOf(index, refusal) };
    const counted = { ...NO_USAGE, inputTokens: shape.inputTokens, outputTokens: shape.outputTokens };
    const usage: Usage = refusal === null ? counted : NO_USAGE;
    const rateLimits = { ...hint, ...said };
    const outcome = { failure, rateLimits, usage, durationMs: shape.callMs, firstTokenMs: null };
    const context = { limiter, learned: workers[request % WORKERS]!, tokenEstimates: estimates, circuits: NO_CIRCUITS };
    const delivery = { step: this.#step, spec: { isStream: false, plan: { steps: [] } } };
    learn(context as unknown as InferenceContext, delivery as never, this.#deployment, {
      permit,
      credential: this.#credential(index),
      outcome: outcome as unknown as AttemptOutcome,
      isCurable: false,
    });
    permits.get(request % WORKERS)!.delete(permit);
    await limiter.settle(permit, { ...usedTokens(failure, usage, shape.inputTokens), entry: null });
    // What was learned reaches every process within some calls; a refusal does before the next one.
    if (refusal !== null || request % 5 === 0)
      await Promise.all(subscriptions.map((subscription) => subscription.ping()));
    if (refusal !== null) {
      this.#comesIn();
      await this.#askAll();
    }
  }

  #hintOf(account: LimitedAccount): RateLimitHint {
    const { tells } = this.#scenario;
    if (tells === 'refusals') return {};
    const { nowMs } = schedule;
    const kinds: Partial<Record<Rate, string>> =
      tells === 'openai'
        ? { requests: 'Requests', tokens: 'Tokens' }
        : { requests: 'Requests', inputTokens: 'InputTokens', outputTokens: 'OutputTokens' };
    const told = Object.entries(kinds).filter(([rate]) => account.limits[rate as Rate] < UNLIMITED);
    return Object.assign(
      {},
      ...told.map(([rate, name]) => ({
        [`limit${name}`]: account.limits[rate as Rate],
        [`remaining${name}`]: Math.max(0, account.limits[rate as Rate] - account.used(rate as Rate, nowMs)),
        [`reset${name}Ms`]: account.resetMs(nowMs),
      })),
    );
  }

  #saidOf(index: number, { by }: Refusal): RateLimitHint {
    const { limits } = this.accounts[index]!;
    if (by === 'requests') return { limitRequests: limits.requests, remainingRequests: 0 };
    return by === 'tokens' ? { limitTokens: limits.tokens, remainingTokens: 0 } : {};
  }
}

function failureOf({ by, waitMs }: Refusal) {
  const message = by === 'concurrency' ? 'Too many concurrent requests.' : 'Rate limit reached.';
  return createFailure('upstream_rate_limited', message, { retryAfterMs: Math.ceil(waitMs / 1_000) * 1_000 });
}

const nothing = () => undefined;
const NO_CIRCUITS = {
  reportSuccess: nothing,
  reportUndecided: nothing,
  reportFailure: nothing,
  isSuspect: () => false,
};

test.each<[string, Scenario]>([
  ['requests bind', { binding: 'requests', accounts: [LIMITS], shape: SMALL, tells: 'openai' }],
  [
    'tokens bind',
    {
      binding: 'tokens',
      accounts: [LIMITS],
      shape: { inputTokens: 200, outputTokens: 120, callMs: 1_000 },
      tells: 'openai',
    },
  ],
  [
    'calls at once bind',
    { binding: 'concurrency', accounts: [LIMITS], shape: { ...SMALL, callMs: 4_000 }, tells: 'openai' },
  ],
  [
    'calls at once bind, and halve',
    { binding: 'concurrency', accounts: [LIMITS], shape: { ...SMALL, callMs: 4_000 }, tells: 'openai', factor: 0.5 },
  ],
  [
    'calls at once bind, and double',
    { binding: 'concurrency', accounts: [HALF], shape: { ...SMALL, callMs: 4_000 }, tells: 'openai', factor: 2 },
  ],
  ['it halves', { binding: 'requests', accounts: [LIMITS], shape: SMALL, tells: 'openai', factor: 0.5 }],
  ['it doubles', { binding: 'requests', accounts: [LIMITS], shape: SMALL, tells: 'openai', factor: 2 }],
  [
    'input binds, output is limited apart',
    {
      binding: 'inputTokens',
      accounts: [APART],
      shape: { inputTokens: 100, outputTokens: 20, callMs: 1_000 },
      tells: 'anthropic',
    },
  ],
  [
    'output binds, input is limited apart',
    {
      binding: 'outputTokens',
      accounts: [APART],
      shape: { inputTokens: 20, outputTokens: 40, callMs: 1_000 },
      tells: 'anthropic',
    },
  ],
  [
    'three credentials of different size',
    {
      binding: 'requests',
      accounts: [LIMITS, times(LIMITS, 0.5), times(LIMITS, 0.25)],
      shape: SMALL,
      tells: 'openai',
    },
  ],
  [
    'only refusals name its requests, a minute is counted before they are believed',
    { binding: 'requests', accounts: [LIMITS], shape: SMALL, tells: 'refusals', learningMinutes: 4 },
  ],
  [
    'only refusals name its tokens',
    {
      binding: 'tokens',
      accounts: [LIMITS],
      shape: { inputTokens: 200, outputTokens: 120, callMs: 1_000 },
      tells: 'refusals',
      learningMinutes: 4,
    },
  ],
])('after a minute a limit is fully used, and almost nothing is refused: %s', async (_name, scenario) => {
  const world = new World(scenario);
  for (let minute = 0; minute < (scenario.learningMinutes ?? 1); minute++) await world.minute();
  if (scenario.factor !== undefined) {
    for (const account of world.accounts) account.limits = times(account.limits, scenario.factor);
    await world.minute();
  }
  const { used, refused, calls, early, refusedBy } = await world.minute();
  const figures = JSON.stringify({ used: used[scenario.binding], refused, calls, early, refusedBy });
  expect(used[scenario.binding], figures).toBeGreaterThan(0.95);
  expect(refused / (calls + refused), figures).toBeLessThanOrEqual(0.01);
  expect(early, figures).toBe(0);
});
