// Probes and metrics. Liveness says that the process runs; readiness that it can take requests: Redis answers, the
// database answers, and somebody is there to work on what is queued.
import type { FastifyInstance } from 'fastify';
import { sql } from 'kysely';
import type { ApiContext } from '../context.ts';

/** A probe must not hang with what it probes. */
const PROBE_TIMEOUT_MS = 1_500;

export interface Readiness {
  redis: boolean;
  database: boolean;
  workers: boolean;
  accepting: boolean;
}

export function registerHealth(app: FastifyInstance, context: ApiContext): void {
  const hidden = { schema: { tags: ['operations'] } };
  app.get('/healthz', hidden, async () => ({ status: 'ok' }));
  app.get('/readyz', hidden, async (_request, reply) => {
    const readiness = await checkReadiness(context);
    const isReady = Object.values(readiness).every(Boolean);
    return reply
      .code(isReady ? 200 : 503)
      .send({ status: isReady ? 'ready' : 'not ready', checks: readiness, holds: describeHolds(context) });
  });
  app.get('/metrics', hidden, async (_request, reply) => {
    const { registry } = context.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

/** Said, but no reason not to be ready: whatever is not held is answered. */
function describeHolds({ holds }: ApiContext) {
  return holds.all().map(({ name, reason }) => ({ name, reason }));
}

async function checkReadiness(context: ApiContext): Promise<Readiness> {
  const [redis, database, workers] = await Promise.all([
    holds(context.redis.ping().then(() => true)),
    holds(sql`select 1`.execute(context.database).then(() => true)),
    holds(context.liveness.hasLiveWorker(context.replyShards)),
  ]);
  return { redis, database, workers, accepting: !context.isClosing() };
}

async function holds(check: Promise<boolean>): Promise<boolean> {
  const timeout = new Promise<boolean>((resolve) => setTimeout(resolve, PROBE_TIMEOUT_MS, false).unref());
  return Promise.race([check.catch(() => false), timeout]);
}
