// POST /v1/chat/completions and the other inference endpoints: authenticate → decode → admit → plan → dispatch → relay.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, FailureError, isFailure } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { ClientEndpoint, ClientProtocol } from '../../protocols/protocol.ts';
import {
  giveBack,
  type Prepared,
  type Preparing,
  planFor,
  prepareRequest,
  readAsked,
} from '../admit/accept-request.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { readWish } from '../admit/create-spec.ts';
import { dispatch, rethrow } from '../admit/dispatch.ts';
import { findAtLast, findKnown, idempotencyConflict } from '../admit/idempotency.ts';
import { readBody } from '../admit/read-body.ts';
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
  for (const url of pathsOf(endpoint)) {
    app.route({
      method: endpoint.method,
      url,
      config: { client: endpoint.errors },
      onRequest: async (request) => {
        if (context.isClosing()) throw new FailureError(SHUTTING_DOWN);
        request.apiKey = await authenticate(readSecret(request, endpoint.errors), context.keys);
      },
      handler: (request, reply) => answer(context, relay, endpoint, request, reply),
    });
  }
}

/** Paths under `/v1/openai` are also available under `/openai/v1`, where Groq's SDKs expect them. */
export function pathsOf({ paths }: ClientEndpoint): string[] {
  const under = '/v1/openai/';
  const more = paths.filter((path) => path.startsWith(under)).map((path) => `/openai/v1/${path.slice(under.length)}`);
  // Gemini's models without `models/` before them.
  if (paths.includes('/v1beta/models/*')) more.push('/v1beta/:model');
  return [...new Set([...paths, ...more])];
}

export const SHUTTING_DOWN = createFailure(
  'shutting_down',
  'This instance is shutting down; retry, and another one will handle the request.',
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
  const caller = { key: request.apiKey!, headers: request.headers };
  const target = readTarget(request);
  const client = endpoint.select(target);
  if (client === null) throw new FailureError(routeNotFound(request));
  const asked = await readAsked(context, caller, { client, target, body: await readBody(request.body) });
  const { facts, bytes } = asked;
  const plan = planFor(context, caller, asked);
  if (isFailure(plan)) {
    // No provider supports this operation, but the broker can answer it itself.
    const isKnown = context.catalogue.findModel(facts.model) !== null;
    if (client.answerLocally === undefined || !isKnown) throw new FailureError(plan);
    const { status, headers, body } = client.answerLocally(facts);
    return reply
      .code(status)
      .headers({ 'x-request-id': request.id, ...headers })
      .send(body);
  }
  const wish = readWish(context, request, caller.key.id, bytes);
  const joinKnown = (requestId: string) =>
    facts.memory?.isBackground === true && !wish.isAsync
      ? joinBackground(context, relay, { request, reply, requestId })
      : join(context, relay, { request, reply, wish, requestId });
  if (wish.idempotency !== null) {
    const isResuming = readResumePoint(request) !== undefined;
    const known = await findKnown(context.store, wish.idempotency, isResuming).catch(rethrow);
    if (known !== null) return joinKnown(known);
  }
  const prepared = await prepareOrFind(context, { caller, asked, plan, wish });
  if (typeof prepared === 'string') return joinKnown(prepared);
  const { spec, body, limitHeaders } = prepared;

  const headers = { ...idHeaders(client, spec.requestId), ...limitHeaders };
  const isAwaited = !wish.isAsync && !isAnsweredAtOnce(spec);
  const view = backgroundView(spec, body);
  const open = isAwaited ? listen(relay, { spec, client, headers, view, reply }) : null;
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
    // A concurrent request with the same idempotency key was accepted first.
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

/** Or the id of the request that this one repeats, whose reservation may have exhausted the budget. */
async function prepareOrFind(context: ApiContext, preparing: Preparing): Promise<Prepared | string> {
  try {
    return await prepareRequest(context, preparing);
  } catch (error) {
    if (!(error instanceof FailureError) || error.failure.code !== 'budget_exhausted') throw error;
    const known = await findAtLast(context.store, preparing.wish.idempotency).catch(rethrow);
    if (known === null) throw error;
    return known;
  }
}

function listen(
  relay: Relay,
  {
    spec,
    client,
    headers,
    view,
    reply,
  }: {
    spec: RequestSpec;
    client: ClientProtocol;
    headers: Record<string, string>;
    view: StreamView | null;
    reply: FastifyReply;
  },
) {
  reply.hijack();
  const exchange = {
    response: reply.raw,
    client,
    headers: { ...answerHeadersOf(reply), ...headers },
  };
  return relay.open(spec, view === null ? exchange : { ...exchange, view });
}
