// Creates the specification of an accepted request: everything that workers and other readers know of it.
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { type ApiKey, accountsOf } from '../../accounts/api-key.ts';
import { estimateTokens } from '../../accounts/request-cost.ts';
import { createRequestId, createRequestIdIn } from '../../contracts/ids.ts';
import { CONTRACT_VERSION, type RequestSpec, type RouteWishes } from '../../contracts/request-record.ts';
import type { RoutePlan } from '../../contracts/route-plan.ts';
import { effectiveRequest } from '../../protocols/call/effective-request.ts';
import type { ClientProtocol, RequestFacts } from '../../protocols/protocol.ts';
import type { ApiContext } from '../context.ts';
import { invalidHeader, readDeadlineMs, readLane, readPinnedProvider, readPriority } from './admit.ts';
import { sessionOf } from './affinity.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import { type Idempotency, readIdempotency } from './idempotency.ts';

/** How the client wants the request to be handled, apart from its content. */
export interface Wish {
  /** Answer with 202 and an address: `Prefer: respond-async` (RFC 7240). */
  isAsync: boolean;
  idempotency: Idempotency | null;
}

/** Throws a FailureError for an invalid idempotency key. */
export function readWish(context: ApiContext, request: FastifyRequest, keyId: string, body: Buffer): Wish {
  return {
    isAsync: asksForAsync(request.headers.prefer),
    idempotency: readIdempotency(request, keyId, body, {
      replyShards: context.replyShards,
      timeToLiveMs: context.configuration.storage.idempotency_ms,
    }),
  };
}

function asksForAsync(prefer: string | string[] | undefined): boolean {
  if (prefer === undefined) return false;
  return String(prefer)
    .split(/[,;]/)
    .some((preference) => preference.trim().toLowerCase() === 'respond-async');
}

export interface SpecInput {
  context: ApiContext;
  client: ClientProtocol;
  key: ApiKey;
  facts: RequestFacts;
  /** The parsed body. */
  body: unknown;
  plan: RoutePlan;
  headers: IncomingHttpHeaders;
  wish: Wish;
}

export function createSpec({ context, client, key, facts, body, plan, headers, wish }: SpecInput): RequestSpec {
  const acceptedAtMs = Date.now();
  const { server, storage } = context.configuration;
  const { idempotency, isAsync } = wish;
  const effective = effectiveRequest(body);
  const { estimatedInputTokens, estimatedOutputTokens, serviceTier } = estimateTokens(
    context.catalogue,
    client,
    facts,
    plan,
    effective,
  );
  const spec: RequestSpec = {
    version: CONTRACT_VERSION,
    requestId:
      idempotency === null
        ? createRequestId(context.replyShards, acceptedAtMs)
        : createRequestIdIn(idempotency.shard, acceptedAtMs),
    keyId: key.id,
    keyScope: null,
    budgetHold: null,
    protocol: client.name,
    model: facts.model,
    lane: readLane(headers, effective),
    isStream: facts.isStream,
    usageDelivery: facts.usageDelivery,
    ...(facts.hasRunningUsage === true ? { hasRunningUsage: true } : {}),
    forwardedHeaders: forwardedHeaders(headers, client),
    choices: facts.choices,
    plan,
    acceptedAtMs,
    deadlineAtMs: acceptedAtMs + readDeadlineMs(headers, server.deadline_ms),
    inbox: context.instanceId,
    lifetime: isAsync ? 'nobody' : idempotency === null ? 'client' : 'resumable',
    retentionMs: idempotency === null ? storage.finished_ms : Math.max(storage.finished_ms, storage.idempotency_ms),
    estimatedInputTokens,
    estimatedOutputTokens,
  };
  // Not spread within the literal: V8 would define each member that follows a spread by a call of its runtime.
  Object.assign(spec, accountsOf(key), readPriority(headers), routeWishes(facts, headers), labelsOf(headers));
  if (serviceTier !== undefined) spec.serviceTier = serviceTier;
  if (isAsync) spec.isAnnounced = true;
  const trace = context.tracing?.accept(headers, spec);
  if (trace !== undefined) spec.trace = trace;
  return spec;
}

const MAX_SESSION_CHARS = 200;
const TAG = /^[\w.:/@-]{1,64}$/;
const MAX_TAGS = 10;

/** Labels for reports. An invalid tag is a 400: otherwise it would be missing later. */
function labelsOf(headers: IncomingHttpHeaders): Pick<RequestSpec, 'labels'> {
  const session = sessionOf(headers)?.slice(0, MAX_SESSION_CHARS);
  const text = headers['x-sluice-tags'];
  if (session === undefined && text === undefined) return {};
  const tags = String(text ?? '')
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  if (tags.length > MAX_TAGS || !tags.every((tag) => TAG.test(tag))) {
    throw invalidHeader('x-sluice-tags', `must have up to ${MAX_TAGS} tags of up to 64 letters, digits and ._:/@-`);
  }
  return { labels: { ...(session === undefined ? {} : { session }), ...(tags.length === 0 ? {} : { tags }) } };
}

/** What a replay needs to make a new plan. */
function routeWishes(
  { alternativeModels, preferences }: RequestFacts,
  headers: IncomingHttpHeaders,
): Pick<RequestSpec, 'wishes'> {
  const pinnedProvider = readPinnedProvider(headers);
  const wishes: RouteWishes = {};
  if (alternativeModels.length > 0) wishes.alternativeModels = alternativeModels;
  if (Object.keys(preferences).length > 0) wishes.preferences = preferences;
  if (pinnedProvider !== null) wishes.pinnedProvider = pinnedProvider;
  return Object.keys(wishes).length === 0 ? {} : { wishes };
}
