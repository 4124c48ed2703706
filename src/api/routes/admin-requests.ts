// Admin routes of requests of all keys: search, details, cancel.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { hasRole } from '../../accounts/admin-key-store.ts';
import { costParts } from '../../accounts/request-cost.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { isRequestId } from '../../contracts/ids.ts';
import type { LedgerMessage } from '../../contracts/ledger-entry.ts';
import { formatUsd, parseUsd } from '../../contracts/money.ts';
import { readMessage } from '../../ledger/ledger-stream.ts';
import { type AttemptHistory, listAttempts } from '../../ledger/request-history.ts';
import {
  type FoundRequest,
  type RequestFilter,
  type RequestPosition,
  searchRequests,
} from '../../ledger/request-search.ts';
import { checkInput, dayOrMoment, endOf, invalidValue } from '../admit/check-input.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { describeRequest } from '../describe/describe-request.ts';

const MAX_PAGE = 500;
const MAX_SHOWN = 100;
/** As Redis counts places. */
const LAST_SHOWN = String(MAX_SHOWN - 1);

const yes = z.enum(['true', 'false']).transform((text) => text === 'true');
const text = z.string().min(1).max(256).optional();

export const requestQuery = z.strictObject({
  key: text,
  model: text,
  provider: text,
  outcome: text,
  tag: text,
  lane: z.enum(['interactive', 'batch']).optional(),
  protocol: text,
  stream: yes.optional(),
  retried: yes.optional(),
  from: dayOrMoment.optional(),
  to: dayOrMoment.optional(),
  min_cost_usd: z
    .string()
    .regex(/^\d{1,6}(\.\d{1,12})?$/, 'must be an amount such as 0.05')
    .optional(),
  min_ms: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().positive().max(MAX_PAGE).default(100),
  after: z.string().optional(),
});

type ById = { Params: { id: string } };

export function registerAdminRequests(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/requests', async (request) => {
    const { limit, after, ...query } = checkInput(requestQuery, request.query);
    const { requests, next } = await searchRequests(context.reports, readFilter(query), limit, readPosition(after));
    return {
      object: 'list',
      data: requests.map(describeFound),
      has_more: next !== null,
      next: next === null ? null : `${next.acceptedAtMs}.${next.requestId}`,
      /** How far the search has got: a page may be empty although later ones are not. */
      searched_until: next === null ? null : new Date(next.acceptedAtMs).toISOString(),
    };
  });

  admin.get('/in-flight', async () => {
    const [calls, waiting] = await Promise.all([readCalls(context), readWaiting(context)]).catch(rethrow);
    return { calls, waiting };
  });

  admin.get<ById>('/requests/:id', async ({ params: { id }, operator }) => {
    const described = isRequestId(id) ? await describeRequest(context, id, null) : null;
    if (described === null) throw notFound(id);
    // Clients' input and output is not shown to read-only operators.
    const mayRead = operator !== null && hasRole(operator.role, 'operator');
    return { ...described, ...(mayRead ? {} : { answer: null }), ...(await describeMore(context, id, mayRead)) };
  });

  admin.post<ById>('/requests/:id/cancel', async ({ params: { id } }, reply) => {
    const view = isRequestId(id) ? await context.store.read(id).catch(rethrow) : null;
    if (view === null) throw notFound(id);
    if (view.state !== 'done') context.cancel(view.spec);
    return reply.code(202).send({ id, status: view.state === 'done' ? 'done' : 'cancelling' });
  });
}

function readFilter(query: Omit<z.output<typeof requestQuery>, 'limit' | 'after'>): RequestFilter {
  const {
    key,
    model,
    provider,
    outcome,
    tag,
    lane,
    protocol,
    stream,
    retried,
    from,
    to,
    min_cost_usd: cost,
    min_ms: ms,
  } = query;
  const given = {
    keyId: key,
    model,
    provider,
    outcome,
    tag,
    lane,
    protocol,
    isStream: stream,
    isRetried: retried,
    fromMs: from === undefined ? undefined : Date.parse(from),
    toMs: to === undefined ? undefined : endOf(to),
    minCostPicoUsd: cost === undefined ? undefined : parseUsd(cost),
    minDurationMs: ms,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

function readPosition(after: string | undefined): RequestPosition | undefined {
  if (after === undefined) return undefined;
  const [, acceptedAtMs, requestId] = /^(\d{1,16})\.(req_\w+)$/.exec(after) ?? [];
  if (requestId === undefined) throw invalidValue('after', 'must be the `next` value of an earlier page');
  return { acceptedAtMs: Number(acceptedAtMs), requestId };
}

function describeFound(request: FoundRequest) {
  return {
    id: request.requestId,
    object: 'request',
    key_id: request.keyId,
    model: request.model,
    provider: request.provider,
    upstream_model: request.upstreamModel,
    protocol: request.protocol,
    lane: request.lane,
    stream: request.isStream,
    outcome: request.outcome,
    accepted_at: new Date(request.acceptedAtMs).toISOString(),
    duration_ms: request.finishedAtMs - request.acceptedAtMs,
    first_byte_ms: request.firstByteMs,
    attempts: request.attempts,
    tags: request.tags,
    input_tokens: request.inputTokens,
    output_tokens: request.outputTokens,
    cost_usd: formatUsd(request.costPicoUsd),
  };
}

/** What operators see of a request beyond the client's view. */
async function describeMore(context: ApiContext, id: string, mayRead: boolean): Promise<object> {
  const [letter, view, attempts, frames] = await Promise.all([
    context.deadLetters.find(id),
    context.store.read(id).catch(rethrow),
    listAttempts(context.database, id),
    context.redis.xlen(context.keyspace.request(id).log).catch(rethrow),
  ]);
  const spec = view?.spec ?? letter?.spec ?? null;
  return {
    /** Frames left in the log of its answer; 0 if it is no longer kept. */
    frames,
    plan:
      spec === null
        ? null
        : spec.plan.steps.map(({ provider, deployment, upstreamModel }) => ({
            provider,
            deployment,
            model: upstreamModel,
          })),
    deadline_at: spec === null ? null : new Date(spec.deadlineAtMs).toISOString(),
    estimated_tokens: spec === null ? null : { input: spec.estimatedInputTokens, output: spec.estimatedOutputTokens },
    dead_letter: letter === null ? null : { body: letter.body.form, message: letter.failure.message },
    request_body: mayRead && letter !== null ? await readKeptBody(context, id) : null,
    cost_parts: attempts.map((attempt) => ({ attempt: attempt.attempt, parts: describeCost(context, attempt) })),
  };
}

const MAX_SHOWN_BYTES = 1024 * 1024;

/** Null if it was not kept, is encrypted with a key that is missing here, or is too long to show. */
async function readKeptBody({ deadLetters, bodySeal }: ApiContext, id: string): Promise<string | null> {
  const stored = await deadLetters.readBody(id);
  if (stored === null || (stored.bytes?.length ?? 0) > MAX_SHOWN_BYTES) return null;
  try {
    return bodySeal.open(stored, id)?.toString() ?? null;
  } catch {
    return null;
  }
}

function describeCost({ catalogue }: ApiContext, attempt: AttemptHistory) {
  const deployment = catalogue.deployments.get(attempt.deployment);
  const price = deployment && catalogue.priceOf(deployment, attempt.upstreamModel, attempt.inputTokens);
  if (!price) return [];
  const { serviceTier, toolCalls } = attempt.details;
  const usage = {
    ...attempt,
    isEstimated: attempt.state !== 'settled',
    ...(serviceTier === undefined ? {} : { serviceTier }),
    ...(toolCalls === undefined ? {} : { toolCalls }),
  };
  return costParts(usage, price, attempt.costPicoUsd).map(({ cost, ...part }) => ({
    ...part,
    cost_usd: formatUsd(cost),
  }));
}

async function readCalls({ redis, keyspace }: ApiContext): Promise<object[]> {
  const ids = await redis.zrange(keyspace.openLeases, '0', LAST_SHOWN);
  const stored = ids.length === 0 ? [] : await redis.hmget(keyspace.openAttempts, ...ids);
  return stored
    .flatMap((raw) => attemptOf(raw) ?? [])
    .sort((a, b) => a.startedAtMs - b.startedAtMs)
    .map((entry) => ({
      id: entry.requestId,
      attempt: entry.attempt,
      key_id: entry.keyId,
      model: entry.model,
      provider: entry.provider,
      lane: entry.lane,
      stream: entry.isStream,
      started_at: new Date(entry.startedAtMs).toISOString(),
    }));
}

function attemptOf(raw: string | null): LedgerMessage['attempt'] {
  return raw === null ? undefined : readMessage(raw)?.attempt;
}

/** The oldest request of every wait queue. */
async function readWaiting({ redis, keyspace, catalogue }: ApiContext): Promise<object[]> {
  const queues = new Map(
    [...catalogue.deployments.values()].flatMap(({ id, scope, provider }) =>
      Object.entries(keyspace.scope(scope.name).waiting).map(([lane, key]) => [
        key,
        { deployment: id, provider: provider.name, lane },
      ]),
    ),
  );
  const used = (await redis.smembers(keyspace.waitQueues)).filter((key) => queues.has(key));
  const found = await Promise.all(
    used.map(async (key) => {
      const members = await redis.zrange(key, '0', LAST_SHOWN, 'WITHSCORES');
      return members.flatMap((member, index) =>
        index % 2 === 0 ? [{ ...waiterOf(member), acceptedAtMs: Number(members[index + 1]), ...queues.get(key) }] : [],
      );
    }),
  );
  return found
    .flat()
    .sort((a, b) => a.acceptedAtMs - b.acceptedAtMs)
    .slice(0, MAX_SHOWN)
    .map(({ acceptedAtMs, ...waiting }) => ({ ...waiting, accepted_at: new Date(acceptedAtMs).toISOString() }));
}

function waiterOf(member: string): { id: string; key_id: string | null } {
  const [id, , owner] = member.split(' ');
  return { id: id!, key_id: owner?.split('*')[0] ?? null };
}

function notFound(id: string): FailureError {
  return new FailureError(createFailure('request_not_found', `There is no request '${id}'.`, { param: 'id' }));
}
