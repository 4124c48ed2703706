// Probes, metrics and the API description. Liveness: the process runs. Readiness: Redis accepts writes and there are workers. If SQL
// is unavailable, that is reported but the process stays ready: requests are answered and accounted for as long as Redis has
// memory. Without a key, probes show only what a load balancer needs; details are for operators.
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

/** Timeout of a check, so that a probe never hangs. */
const PROBE_TIMEOUT_MS = 1_500;

export interface Readiness {
  redis: boolean;
  database: boolean;
  workers: boolean;
  accepting: boolean;
}

/** @param listener `operators`: a separate admin listener, where every caller may see everything. */
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

/** No key is needed on a separate admin listener; on a shared one any admin key is accepted. */
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

/** Works while SQL is unavailable, when metrics matter most: keys that were valid before are accepted. */
async function expectReader({ headers }: FastifyRequest, context: ApiContext): Promise<void> {
  if (context.hasAdminListener) return;
  const secret = bearerToken(headers);
  const wasGood = secret !== null && context.adminKeys.isKnown(secret);
  await findByKey(secret, context).catch((error: unknown) => {
    const isAway = error instanceof FailureError && error.failure.code === 'queue_unavailable';
    if (!isAway || !wasGood) throw error;
  });
}

/** Sums per provider, for autoscalers that read a single number (KEDA's metrics-api trigger). */
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

/** Holds are reported, but do not make the process unready: other models still work. */
function describeHolds({ holds }: ApiContext) {
  return holds.all().map(({ name, reason }) => ({ name, reason }));
}

/** Degradations that do not make the process unready: without SQL, keys that are not cached and stored objects cannot be read. */
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
  return withinOwnTime(PROBE_TIMEOUT_MS, check, () => new Error('no response')).catch(() => false);
}
