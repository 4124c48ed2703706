// Probes, metrics and the description of the API. Liveness says that the process runs; readiness that it can take
// requests: Redis takes writes, and somebody is there to work on what is queued. SQL that is away is named, and no reason to turn
// requests away: answers and books go on without it for as long as Redis has memory. Probes answer without a key and say no
// more than a balancer needs; details are for operators.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { sql } from 'kysely';
import { FailureError } from '../../contracts/failure.ts';
import { withinOwnTime } from '../../storage/own-time.ts';
import type { FleetState } from '../../telemetry/metrics.ts';
import { authenticate, bearerToken } from '../admit/authenticate.ts';
import { findByKey, isOperatorKey } from '../admit/authenticate-operator.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import type { Listener } from '../describe/openapi/document.ts';
import { describeApi } from '../describe/openapi/operations.ts';

/** A probe must not hang with what it probes. */
const PROBE_TIMEOUT_MS = 1_500;

export interface Readiness {
  redis: boolean;
  database: boolean;
  workers: boolean;
  accepting: boolean;
}

/** @param listener `operators`: only they reach it; every caller may see everything. */
export function registerProbes(app: FastifyInstance, context: ApiContext, listener: Listener): void {
  const isOperator = async (request: FastifyRequest) =>
    listener === 'operators' || isOperatorKey(bearerToken(request.headers), context);
  let document: object | undefined;
  for (const path of ['/healthz', '/health']) app.get(path, async () => ({ status: 'ok' }));
  app.get('/readyz', async (request, reply) => {
    const readiness = await checkReadiness(context);
    const { redis, workers, accepting } = readiness;
    const isReady = redis && workers && accepting;
    const degraded = degradations(readiness, context);
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? 'ready' : 'not ready',
      checks: readiness,
      ...(context.redisWatch.trouble === null ? {} : { trouble: { redis: context.redisWatch.trouble } }),
      ...(degraded.length === 0 ? {} : { degraded }),
      ...((await isOperator(request)) ? { holds: describeHolds(context), ledger: describeLedger(context) } : {}),
    });
  });
  app.get('/openapi.json', async (request) => {
    if (!(await isOperator(request))) await authenticate(bearerToken(request.headers), context.keys);
    document ??= describeApi(app.offeredRoutes, listener);
    return document;
  });
}

/** Prometheus sends no key to a listener that only operators reach; where clients share it, any admin key will do. */
export function registerMetrics(app: FastifyInstance, context: ApiContext): void {
  app.get('/metrics', async (request, reply) => {
    await expectReader(request, context);
    const { metrics } = context;
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.get('/metrics/scaling', async (request) => {
    await expectReader(request, context);
    return { providers: scalingOf(await context.fleet().catch(rethrow)) };
  });
}

/** Also while SQL is away, when metrics are looked at most: then a key that was good before is good enough. */
async function expectReader({ headers }: FastifyRequest, context: ApiContext): Promise<void> {
  if (context.hasAdminListener) return;
  const secret = bearerToken(headers);
  const wasGood = secret !== null && context.adminKeys.isKnown(secret);
  await findByKey(secret, context).catch((error: unknown) => {
    const isAway = error instanceof FailureError && error.failure.code === 'queue_unavailable';
    if (!isAway || !wasGood) throw error;
  });
}

/** Sums of a provider, which a scaler that reads one number cannot make (KEDA's metrics-api trigger). */
function scalingOf({ jobs, waiting }: FleetState) {
  const providers = new Map<
    string,
    Record<'jobs' | 'waiting_requests' | 'waiting_tokens' | 'oldest_seconds', number>
  >();
  for (const { provider, ...counts } of jobs) {
    const sums = providers.get(provider) ?? { jobs: 0, waiting_requests: 0, waiting_tokens: 0, oldest_seconds: 0 };
    sums.jobs += counts.waiting + counts.active + counts.delayed;
    providers.set(provider, sums);
  }
  for (const { provider, requests, tokens, oldestMs } of waiting) {
    const sums = providers.get(provider)!;
    sums.waiting_requests += requests;
    sums.waiting_tokens += tokens;
    sums.oldest_seconds = Math.max(sums.oldest_seconds, oldestMs / 1_000);
  }
  return Object.fromEntries(providers);
}

/** Said, but no reason not to be ready: whatever is not held is answered. */
function describeHolds({ holds }: ApiContext) {
  return holds.all().map(({ name, reason }) => ({ name, reason }));
}

/** What does not work as it should, and stops nobody: keys seen for the first time and stored objects need SQL. */
function degradations({ database }: Readiness, { ledgerWatch, redisWatch }: ApiContext): string[] {
  return [
    ...(redisWatch.fullPercent === null ? [] : ['redis-memory']),
    ...(database ? [] : ['database']),
    ...(ledgerWatch.state().isBehind ? ['ledger'] : []),
  ];
}

function describeLedger({ ledgerWatch }: ApiContext) {
  const { waiting, oldestMs, rejects } = ledgerWatch.state();
  return { waiting, oldest_seconds: Math.round(oldestMs / 1_000), rejects };
}

async function checkReadiness(context: ApiContext): Promise<Readiness> {
  const [redis, database, workers] = await Promise.all([
    holds(context.redis.ping().then(() => context.redisWatch.trouble === null)),
    holds(sql`select 1`.execute(context.database).then(() => true)),
    holds(context.liveness.hasLiveWorker(context.replyShards)),
  ]);
  return { redis, database, workers, accepting: !context.isClosing() };
}

function holds(check: Promise<boolean>): Promise<boolean> {
  return withinOwnTime(PROBE_TIMEOUT_MS, check, () => new Error('no answer')).catch(() => false);
}
