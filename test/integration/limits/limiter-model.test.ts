// The scripts compared with a small model: for any order of permits, settlements and waits, both give the same result.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Amounts, LIMIT_KINDS, type Limits, RATE_KINDS, type RateKind } from '#src/contracts/limit-kinds.ts';
import type { Scope } from '#src/contracts/scope.ts';
import { createLimiter, type Limiter, type Permit } from '#src/limits/limiter.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { startTestRedis, type TestRedis } from '#test/support/redis-server.ts';
import { explore } from '#test/support/runs.ts';

const RUNS = 12;
const STEPS = 60;
const KEEP_SLICES = 302;
const keyspace = createKeyspace('test');
let redis: TestRedis;
let limiter: Limiter;

beforeAll(async () => {
  redis = await startTestRedis();
  limiter = createLimiter(redis.client, keyspace);
});
afterAll(() => redis.stop());

function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

interface Start {
  attemptId: string;
  /** As counted in limits that are configured, and in those that are learned. */
  amounts: Amounts;
  expected: Amounts;
  /** By kind, since each kind has its own slices. */
  slices: Map<string, number>;
}

interface ModelScope extends Scope {
  starts: Start[];
  inFlight: Set<string>;
}

const sliceMs = ({ periodMs }: RateKind) => periodMs / 300;

const isLearned = ({ learned }: Scope, { name }: RateKind) => learned?.includes(name) === true;

function usedOf(scope: ModelScope, kind: RateKind, nowMs: number): number {
  const oldest = Math.floor(nowMs / sliceMs(kind)) - KEEP_SLICES;
  const live = scope.starts.filter(({ slices }) => slices.get(kind.name)! > oldest);
  return live.reduce((sum, start) => sum + (isLearned(scope, kind) ? start.expected : start.amounts)[kind.measure], 0);
}

function mayStart(scope: ModelScope, reserved: Amounts, expected: Amounts, nowMs: number): boolean {
  const { limits } = scope;
  const fits = RATE_KINDS.every((kind) => {
    const limit = limits[kind.name];
    const amounts = isLearned(scope, kind) ? expected : reserved;
    return limit === undefined || usedOf(scope, kind, nowMs) + Math.min(amounts[kind.measure], limit) <= limit;
  });
  return fits && scope.inFlight.size < (limits.concurrency ?? Number.POSITIVE_INFINITY);
}

/** Each kind of limit in about half of the scopes, small enough to be met. */
function drawLimits(random: (below: number) => number): Limits {
  const limits: Limits = {};
  for (const { name, measure } of LIMIT_KINDS) {
    if (random(2) === 0) limits[name] = 1 + random(measure === 'requests' ? 20 : 3_000);
  }
  return limits;
}

async function pass(scope: ModelScope, ms: number): Promise<void> {
  const key = keyspace.scope(scope.name).window;
  const fields = await redis.client.hgetall(key);
  const moved: Record<string, string> = {};
  const by = (kind: RateKind) => Math.round(ms / sliceMs(kind));
  for (const [field, value] of Object.entries(fields)) {
    const [, letters, slice] = /^([a-z]+)(\d+)$/.exec(field) ?? [];
    const counted = RATE_KINDS.find((kind) => kind.field === letters);
    const headed = RATE_KINDS.find((kind) => field === `h${kind.field}`);
    if (counted !== undefined) moved[`${letters}${Number(slice) - by(counted)}`] = value;
    else moved[field] = headed === undefined ? value : String(Number(value) - by(headed));
  }
  if (Object.keys(moved).length > 0) await redis.client.pipeline().del(key).hset(key, moved).exec();
  for (const { slices } of scope.starts) {
    for (const kind of RATE_KINDS) slices.set(kind.name, slices.get(kind.name)! - by(kind));
  }
}

async function run(seed: number): Promise<void> {
  const random = randomOf(seed);
  await redis.client.flushall();
  const scopes: ModelScope[] = ['provider:a', 'deployment:a/m', 'key:k'].map((name) => ({
    name,
    limits: drawLimits(random),
    learned: LIMIT_KINDS.map(({ name: kind }) => kind).filter(() => random(2) === 0),
    starts: [],
    inFlight: new Set(),
  }));
  const permits: Permit[] = [];

  async function ask(step: number): Promise<void> {
    const inputTokens = random(400);
    const outputTokens = random(400);
    const amounts = { requests: 1, tokens: inputTokens + outputTokens, inputTokens, outputTokens };
    const usual = { ...amounts, inputTokens: random(400), outputTokens: random(400) };
    const asked = scopes.filter(() => random(4) > 0);
    if (asked.length === 0) return;
    const names = { attemptId: `req_${step}.1`, requestId: `req_${step}` };
    const beforeMs = Date.now();
    const decision = await limiter.acquire({
      ...names,
      ...amounts,
      expected: usual,
      scopes: asked.map(({ name, limits, learned = [] }) => ({ name, limits, learned })),
      acceptedAtMs: step,
      isBatch: false,
      unsettledEntry: '{}',
    });
    // A slice may have ended during the call: then either answer is right.
    const expected = [beforeMs, Date.now()].map((atMs) =>
      asked.every((scope) => mayStart(scope, amounts, usual, atMs)),
    );
    expect(expected, `step ${step}: ${JSON.stringify({ decision, amounts })}`).toContain(decision.kind === 'granted');
    if (decision.kind === 'denied') return limiter.leave({ ...names, acceptedAtMs: step }, asked);
    permits.push(decision.permit);
    const startMs = decision.permit.slice * 200;
    for (const scope of asked) {
      const slices = new Map(RATE_KINDS.map((kind) => [kind.name as string, Math.floor(startMs / sliceMs(kind))]));
      scope.starts.push({ attemptId: names.attemptId, amounts: { ...amounts }, expected: usual, slices });
      if (scope.limits.concurrency !== undefined) scope.inFlight.add(names.attemptId);
    }
  }

  async function settle(): Promise<void> {
    const permit = permits.splice(random(permits.length), 1)[0];
    if (permit === undefined) return;
    const usedInputTokens = random(600);
    const usedOutputTokens = random(600);
    const used = { usedInputTokens, usedOutputTokens, usedTokens: usedInputTokens + usedOutputTokens };
    await limiter.settle(permit, { ...used, entry: '{}' });
    for (const scope of scopes) {
      scope.inFlight.delete(permit.attemptId);
      const start = scope.starts.find(({ attemptId }) => attemptId === permit.attemptId);
      const { usedTokens: tokens } = used;
      if (start === undefined) continue;
      start.amounts = { requests: 1, tokens, inputTokens: usedInputTokens, outputTokens: usedOutputTokens };
      start.expected = start.amounts;
    }
  }

  async function look(): Promise<void> {
    for (const scope of scopes) {
      const before = Date.now();
      const { used } = await limiter.peek(scope.name);
      for (const kind of RATE_KINDS.filter(({ name }) => scope.limits[name] !== undefined)) {
        const right = [before, Date.now()].map((atMs) => usedOf(scope, kind, atMs));
        expect(right, `${scope.name} ${kind.name}`).toContain(used[kind.name]);
      }
    }
  }

  for (let step = 1; step <= STEPS; step++) {
    const what = random(10);
    if (what < 6) await ask(step);
    else if (what < 8) await settle();
    else if (permits.length === 0) {
      const ms = [300, 5_000, 40_000, 90_000, 3_600_000, 86_000_000][random(6)]!;
      for (const scope of scopes) await pass(scope, ms);
    }
    await look();
  }
}

test('permits are granted as in the model', { timeout: 60_000 }, async () => {
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 2_000_000_000 }), run), explore(RUNS));
});
