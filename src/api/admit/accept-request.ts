// The acceptance of every request, whether it arrived over HTTP or as a turn of a WebSocket: reads its body, adds the items of
// earlier turns, reserves its cost. Independent of how the answer is sent.
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKey } from '../../accounts/api-key.ts';
import type { RequestBody } from '../../batches/resolve-files.ts';
import { type Failure, FailureError, isFailure } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { RoutePlan } from '../../contracts/route-plan.ts';
import { accountScopesOf } from '../../contracts/scope.ts';
import { readNamedRequest } from '../../protocols/bounds/request-names.ts';
import { type ClientProtocol, isFree, type RequestFacts, type RequestTarget } from '../../protocols/protocol.ts';
import { untilTaken } from '../../storage/redis-trouble.ts';
import type { ApiContext } from '../context.ts';
import { checkModelAllowed, readKeyLimits, readPinnedProvider, reserveBudget } from './admit.ts';
import { lotsOf, lotsOfPrefix, prefixHash } from './affinity.ts';
import { createSpec, type Wish } from './create-spec.ts';
import { rethrow } from './dispatch.ts';
import { giveConversationBack, type Remembering, remember } from './remember.ts';

export interface Caller {
  key: ApiKey;
  headers: IncomingHttpHeaders;
}

export interface Asked extends RequestBody {
  client: ClientProtocol;
  target: RequestTarget;
  facts: RequestFacts;
  pinnedProvider: string | null;
}

/** Throws a FailureError for a request that no provider could answer, or that this key may not make. */
export async function readAsked(
  context: ApiContext,
  { key, headers }: Caller,
  { client, target, body }: Pick<Asked, 'client' | 'target'> & { body: RequestBody },
): Promise<Asked> {
  const resolved = await context.fileResolver.resolve(key.id, body);
  if (isFailure(resolved)) throw new FailureError(resolved);
  const facts = readNamedRequest(client, resolved.value, target);
  if (isFailure(facts)) throw new FailureError(facts);
  for (const model of [facts.model, ...facts.alternativeModels]) checkModelAllowed(key, model);
  return { ...resolved, client, target, facts, pinnedProvider: readPinnedProvider(headers) };
}

/** A failure if no provider can answer the request, or not in the way it asks for. */
export function planFor(
  context: ApiContext,
  caller: Caller,
  asked: Asked,
  firstMessage?: unknown,
): RoutePlan | Failure {
  const { client, facts, value, pinnedProvider } = asked;
  const { key, headers } = caller;
  const shared = context.catalogue.findModel(facts.model)?.sharedPrefix ?? null;
  const hash = shared === null ? null : prefixHash(value);
  if (shared !== null && hash !== null) {
    const plan = context.plan(client.name, { ...facts, pinnedProvider }, lotsOfPrefix(facts.model, hash));
    return isFailure(plan) ? plan : { ...plan, prefix: { hash, waitMs: shared.waitMs } };
  }
  const lots = lotsOf({
    keyId: key.id,
    headers,
    value,
    facts,
    ...(firstMessage === undefined ? {} : { firstMessage }),
  });
  return context.plan(client.name, { ...facts, pinnedProvider }, lots);
}

export interface Preparing {
  caller: Caller;
  asked: Asked;
  plan: RoutePlan;
  wish: Wish;
  recall?: Remembering['recall'];
}

export interface Prepared {
  spec: RequestSpec;
  /** The body for the worker. */
  body: Buffer;
  /** Answer headers with the state of the key's limits. */
  limitHeaders: Record<string, string>;
}

/**
 * Everything except the hand-over to the workers (dispatch.ts). If it throws a FailureError, nothing stays reserved; if the
 * hand-over fails, `giveBack` returns the reservations.
 */
export async function prepareRequest(context: ApiContext, preparing: Preparing): Promise<Prepared> {
  const { caller, asked, plan, wish, recall } = preparing;
  const { client, facts, target, value, bytes } = asked;
  const { key, headers } = caller;
  const created = createSpec({ context, client, key, facts, body: value, plan, headers, wish });
  const limitHeaders = await readKeyLimits(context.limiter, accountScopesOf(created)).catch(rethrow);
  const remembering = { client, target, spec: created, value, bytes, ...(recall === undefined ? {} : { recall }) };
  const { spec, body, firstMessage } =
    facts.memory === undefined
      ? { spec: created, body: bytes, firstMessage: undefined }
      : await remember(context, { ...remembering, memory: facts.memory });
  // Only now is the conversation of the previous turn known.
  if (firstMessage !== undefined) spec.plan = replanned(context, preparing, firstMessage) ?? spec.plan;
  try {
    spec.budgetHold = isFree(client) ? null : await reserveBudget(context, key, plan, spec);
  } catch (error) {
    giveBack(context, spec);
    return rethrow(error as Error);
  }
  return { spec, body, limitHeaders };
}

function replanned(context: ApiContext, { caller, asked }: Preparing, firstMessage: unknown): RoutePlan | null {
  const plan = planFor(context, caller, asked, firstMessage);
  return isFailure(plan) ? null : plan;
}

/** The request was not accepted: returns what was reserved for it, with retries while Redis refuses. */
export function giveBack(context: ApiContext, spec: RequestSpec): void {
  const { budgetHold, requestId, deadlineAtMs } = spec;
  giveConversationBack(context, spec);
  if (budgetHold === null) return;
  const patience = { onError: () => undefined, isOver: () => Date.now() > deadlineAtMs };
  untilTaken(() => context.budgets.giveBack(budgetHold, requestId), patience).catch(() => undefined);
}
