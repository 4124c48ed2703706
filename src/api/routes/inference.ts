// POST /v1/chat/completions and its like: authenticate → decode → admit → plan → dispatch → relay.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { RequestBody } from '../../batches/resolve-files.ts';
import { createFailure, type Failure, FailureError, isFailure } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import { type ClientEndpoint, type ClientProtocol, isFree, type RequestFacts } from '../../protocols/protocol.ts';

import { readNamedRequest } from '../../protocols/request-names.ts';

import { untilTaken } from '../../storage/redis-trouble.ts';

import { checkModelAllowed, readKeyLimits, readPinnedProvider, reserveBudget } from '../admit/admit.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { createSpec, readWish } from '../admit/create-spec.ts';
import { dispatch, rethrow } from '../admit/dispatch.ts';
import { findAtLast, findKnown, idempotencyConflict } from '../admit/idempotency.ts';
import { readBody } from '../admit/read-body.ts';
import { giveConversationBack, remember } from '../admit/remember.ts';
import type { ApiContext } from '../context.ts';
import { backgroundView, isAnsweredAtOnce, joinBackground, sendQueued } from '../relay/background.ts';
import { join, sendAccepted } from '../relay/join.ts';
import type { Relay, StreamView } from '../relay/relay.ts';
import { readResumePoint } from '../relay/resume-point.ts';
import { answerHeadersOf, idHeaders, readTarget, routeNotFound } from '../request-target.ts';

export function registerInference(
  app: FastifyInstance,
  context: ApiContext,
  relay: Relay,
  endpoint: ClientEndpoint,
): void {
  for (const url of endpoint.paths) {
    app.route({
      method: endpoint.method,
      url,
      config: { client: endpoint.errors },
      schema: { summary: endpoint.summary, tags: ['inference'] },
      onRequest: async (request) => {
        if (context.isClosing()) throw new FailureError(SHUTTING_DOWN);
        request.apiKey = await authenticate(readSecret(request, endpoint.errors), context.keys);
      },
      handler: (request, reply) => answer(context, relay, endpoint, request, reply),
    });
  }
}

const SHUTTING_DOWN = createFailure(
  'shutting_down',
  'This instance is shutting down; try again, another one will answer.',
  {
    retryAfterMs: 1_000,
  },
);

async function answer(
  context: ApiContext,
  relay: Relay,
  endpoint: ClientEndpoint,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const key = request.apiKey!;
  const target = readTarget(request);
  const client = endpoint.select(target);
  if (client === null) throw new FailureError(routeNotFound(request));
  const { bytes, value } = expectBody(await context.fileResolver.resolve(key.id, await readBody(request.body)));
  const facts = expectFacts(readNamedRequest(client, value, target));
  for (const model of [facts.model, ...facts.alternativeModels]) checkModelAllowed(key, model);
  const pinnedProvider = readPinnedProvider(request.headers);
  const plan = context.plan(client.name, { ...facts, pinnedProvider });
  if (isFailure(plan)) {
    // Nobody speaks the protocol of this lookup, but the broker knows an answer of its own.
    const isKnown = context.catalogue.findModel(facts.model) !== null;
    if (client.answerLocally === undefined || !isKnown) throw new FailureError(plan);
    const { status, headers, body } = client.answerLocally(facts);
    return reply
      .code(status)
      .headers({ 'x-request-id': request.id, ...headers })
      .send(body);
  }
  const wish = readWish(context, request, key.id, bytes);
  const joinKnown = (requestId: string) =>
    facts.memory?.isBackground === true && !wish.isAsync
      ? joinBackground(context, relay, { request, reply, requestId })
      : join(context, relay, { request, reply, wish, requestId });
  if (wish.idempotency !== null) {
    const isResuming = readResumePoint(request) !== undefined;
    const known = await findKnown(context.store, wish.idempotency, isResuming).catch(rethrow);
    if (known !== null) return joinKnown(known);
  }
  const created = createSpec({ context, client, key, facts, body: value, plan, request, wish });
  const limitHeaders = await readKeyLimits(context.limiter, created.keyScope).catch(rethrow);
  const { spec, body } =
    facts.memory === undefined
      ? { spec: created, body: bytes }
      : await remember(context, { client, target, memory: facts.memory, spec: created, value, bytes });
  try {
    spec.budgetHold = isFree(client) ? null : await reserveBudget(context, key, plan, spec);
  } catch (error) {
    giveBack(context, spec);
    const known = await findAtLast(context.store, wish.idempotency).catch(rethrow);
    if (known !== null) return joinKnown(known);
    return rethrow(error as Error);
  }

  const headers = { ...idHeaders(client, spec.requestId), ...limitHeaders };
  const isAwaited = !wish.isAsync && !isAnsweredAtOnce(spec);
  const view = backgroundView(spec, body);
  const open = isAwaited ? listen(relay, { spec, client, headers, view, request, reply }) : null;
  if (open?.isClientGone()) {
    giveBack(context, spec);
    open.release();
    return reply;
  }
  try {
    const result = await dispatch(context, spec, body, wish.idempotency ?? undefined);
    if (result.kind === 'accepted') {
      if (open !== null) return open.begin();
      return wish.isAsync ? sendAccepted(reply, spec.requestId) : sendQueued(reply.headers(headers), spec, body);
    }
    // Somebody was faster with the same idempotency key.
    giveBack(context, spec);
    open?.release();
    if (result.kind === 'conflict') throw idempotencyConflict();
    return await joinKnown(result.requestId);
  } catch (error) {
    giveBack(context, spec);
    if (open === null || !(error instanceof FailureError)) throw error;
    open.refuse(error.failure);
  }
}

/** It was not accepted: what was reserved for it is free again, as soon as Redis takes it. */
function giveBack(context: ApiContext, spec: RequestSpec): void {
  const { budgetHold, requestId, deadlineAtMs } = spec;
  giveConversationBack(context, spec);
  if (budgetHold === null) return;
  const patience = { onError: () => undefined, isOver: () => Date.now() > deadlineAtMs };
  untilTaken(() => context.budgets.giveBack(budgetHold, requestId), patience).catch(() => undefined);
}

function listen(
  relay: Relay,
  {
    spec,
    client,
    headers,
    view,
    request,
    reply,
  }: {
    spec: RequestSpec;
    client: ClientProtocol;
    headers: Record<string, string>;
    view: StreamView | null;
    request: FastifyRequest;
    reply: FastifyReply;
  },
) {
  reply.hijack();
  const exchange = {
    request: request.raw,
    response: reply.raw,
    client,
    headers: { ...answerHeadersOf(reply), ...headers },
  };
  return relay.open(spec, view === null ? exchange : { ...exchange, view });
}

function expectBody(body: RequestBody | Failure): RequestBody {
  if (isFailure(body)) throw new FailureError(body);
  return body;
}

function expectFacts(facts: RequestFacts | Failure): RequestFacts {
  if (isFailure(facts)) throw new FailureError(facts);
  return facts;
}
