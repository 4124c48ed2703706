// POST /v1/chat/completions and its like: authenticate → decode → admit → plan → dispatch → relay.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ApiKey } from '../../accounts/api-key.ts';
import { createFailure, type Failure, FailureError, isFailure } from '../../contracts/failure.ts';
import { createRequestId } from '../../contracts/ids.ts';
import { CONTRACT_VERSION, type RequestSpec } from '../../contracts/request-record.ts';
import type { RoutePlan } from '../../contracts/route-plan.ts';
import type { ClientEndpoint, ClientProtocol, RequestFacts } from '../../protocols/protocol.ts';
import { findProtocolRoute } from '../../protocols/registry.ts';
import { planRoute } from '../../routing/plan-route.ts';
import {
  admitByKeyLimits,
  checkModelAllowed,
  keyScope,
  readDeadlineMs,
  readLane,
  readPinnedProvider,
  reserveBudget,
} from '../admit.ts';
import { authenticate, readSecret } from '../authenticate.ts';
import type { ApiContext } from '../context.ts';
import { dispatch, unavailable } from '../dispatch.ts';
import { parseBody } from '../read-body.ts';
import type { Relay } from '../relay.ts';
import { pickHeaders, readTarget, routeNotFound } from '../request-target.ts';

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
): Promise<void> {
  const key = request.apiKey!;
  const target = readTarget(request);
  const client = endpoint.select(target);
  if (client === null) throw new FailureError(routeNotFound(request));
  const { bytes, value } = parseBody(request.body);
  const facts = expectFacts(client.readRequest(value, target));
  checkModelAllowed(key, facts.model);
  const plan = planFor(context, client, facts, request);
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
  const spec = createSpec(context, client, key, facts, plan, request);
  const limitHeaders = await admitByKeyLimits(
    context.limiter,
    spec.keyScope,
    spec.deadlineAtMs - spec.acceptedAtMs,
  ).catch(rethrow);
  spec.budgetHold = await reserveBudget(context, key, plan, spec).catch(rethrow);

  const headers = { 'x-request-id': spec.requestId, ...limitHeaders };
  reply.hijack();
  const open = relay.open(spec, { request: request.raw, response: reply.raw, client, headers });
  try {
    await dispatch(context, spec, bytes);
  } catch (error) {
    if (spec.budgetHold !== null) context.budgets.settle(spec.budgetHold, spec.requestId, 0).catch(() => undefined);
    if (!(error instanceof FailureError)) throw error;
    open.refuse(error.failure);
  }
}

/** Redis being away is an outcome, not a bug. */
function rethrow(error: Error): never {
  throw error instanceof FailureError ? error : unavailable(error);
}

function expectFacts(facts: RequestFacts | Failure): RequestFacts {
  if (isFailure(facts)) throw new FailureError(facts);
  return facts;
}

function planFor(
  context: ApiContext,
  client: ClientProtocol,
  facts: RequestFacts,
  request: FastifyRequest,
): RoutePlan | Failure {
  return planRoute(
    {
      model: facts.model,
      alternativeModels: facts.alternativeModels,
      preferences: facts.preferences,
      pinnedProvider: readPinnedProvider(request.headers),
    },
    {
      catalogue: context.catalogue,
      canServe: (protocols) => findProtocolRoute(client.name, protocols) !== null,
      isCooling: context.circuits.isOpen,
      random: Math.random,
    },
  );
}

function createSpec(
  context: ApiContext,
  client: ClientProtocol,
  key: ApiKey,
  facts: RequestFacts,
  plan: RoutePlan,
  request: FastifyRequest,
): RequestSpec {
  const acceptedAtMs = Date.now();
  const deadlineMs = readDeadlineMs(request.headers, context.configuration.server.deadline_ms);
  return {
    version: CONTRACT_VERSION,
    requestId: createRequestId(context.replyShards, acceptedAtMs),
    keyId: key.id,
    keyScope: keyScope(key),
    budgetHold: null,
    protocol: client.name,
    model: facts.model,
    lane: readLane(request.headers),
    isStream: facts.isStream,
    usageDelivery: facts.usageDelivery,
    forwardedHeaders: pickHeaders(request.headers, client.forwardedHeaders),
    choices: facts.choices,
    plan,
    acceptedAtMs,
    deadlineAtMs: acceptedAtMs + deadlineMs,
    inbox: context.instanceId,
    estimatedInputTokens: facts.estimatedInputTokens,
    estimatedOutputTokens:
      facts.maxOutputTokens ?? (context.catalogue.findModel(facts.model)?.outputTokens ?? 0) * facts.choices,
  };
}
