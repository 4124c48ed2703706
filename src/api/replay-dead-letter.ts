// Replays a dead letter: a new asynchronous request for the same key, linked both ways. It asks for the same, except for the
// operator's changes; today's limits, budget and permissions apply.
import { type ApiKey, accountsOf, isValid } from '../accounts/api-key.ts';
import { createFailure, FailureError, isFailure } from '../contracts/failure.ts';
import { createRequestId } from '../contracts/ids.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { DeadLetter } from '../dead-letters/dead-letter.ts';
import { checkModelAllowed, reserveBudget } from './admit/admit.ts';
import { dispatch } from './admit/dispatch.ts';
import type { ApiContext } from './context.ts';

export interface ReplayChange {
  model?: string | undefined;
  /** The only provider to use. */
  vendor?: string | undefined;
}

/** Returns the id of the new request. Throws a FailureError if it is refused. */
export async function replayDeadLetter(context: ApiContext, letter: DeadLetter, change: ReplayChange): Promise<string> {
  const { requestId: replayOf } = letter.spec;
  const body = await readBody(context, replayOf);
  const key = await findKey(context, letter.spec.keyId);
  const spec = replaySpec(context, letter.spec, key, change);
  for (const model of new Set([spec.model, ...spec.plan.steps.map((step) => step.model)])) {
    if (model === spec.model || spec.wishes?.alternativeModels?.includes(model)) checkModelAllowed(key, model);
  }
  spec.budgetHold = await reserveBudget(context, key, spec.plan, spec);
  // Order matters: a link to a request that was never made is soon corrected; a request without a link would be lost.
  const replay = { requestId: spec.requestId, replayOf, model: spec.model, createdAtMs: spec.acceptedAtMs };
  await context.deadLetters.addReplay(replay);
  try {
    await dispatch(context, spec, body);
  } catch (error) {
    await context.deadLetters.removeReplay(spec.requestId).catch(() => undefined);
    if (spec.budgetHold !== null) await context.budgets.giveBack(spec.budgetHold, spec.requestId);
    throw error;
  }
  return spec.requestId;
}

async function readBody(context: ApiContext, requestId: string): Promise<Buffer> {
  const stored = await context.deadLetters.readBody(requestId);
  if (stored === null) throw notReplayable(`There is no dead letter '${requestId}'.`, 'request_not_found');
  try {
    const body = context.bodySeal.open(stored, requestId);
    if (body !== null) return body;
  } catch (error) {
    throw notReplayable(`'${requestId}' cannot be replayed: ${(error as Error).message}.`);
  }
  throw notReplayable(`'${requestId}' cannot be replayed: its body was not kept (dead_letters.bodies).`);
}

async function findKey({ keyStore }: ApiContext, keyId: string): Promise<ApiKey> {
  const key = await keyStore.findById(keyId);
  if (key !== null && isValid(key)) return key;
  throw notReplayable(`It cannot be replayed: its key '${keyId}' has been revoked.`);
}

function replaySpec(context: ApiContext, old: RequestSpec, key: ApiKey, change: ReplayChange): RequestSpec {
  const plan = planFor(context, old, change);
  if (isFailure(plan)) throw new FailureError(plan);
  const { server, storage } = context.configuration;
  const acceptedAtMs = Date.now();
  // A stored response, with its id and memory, stays with the original request; the replay creates none.
  const { response: _, isAnnounced: __, accounts: ___, accountScopes: ____, ...rest } = old;
  return {
    ...rest,
    requestId: createRequestId(context.replyShards, acceptedAtMs),
    replayOf: old.requestId,
    ...accountsOf(key),
    budgetHold: null,
    model: change.model ?? old.model,
    plan,
    acceptedAtMs,
    deadlineAtMs: acceptedAtMs + Math.max(server.deadline_ms, old.deadlineAtMs - old.acceptedAtMs),
    inbox: context.instanceId,
    lifetime: 'nobody',
    retentionMs: storage.finished_ms,
  };
}

/** The operator's choice of provider overrides the client's preferences. */
function planFor(context: ApiContext, { protocol, model, wishes = {} }: RequestSpec, change: ReplayChange) {
  const isChanged = change.model !== undefined || change.vendor !== undefined;
  const { alternativeModels = [], preferences = {}, pinnedProvider = null } = isChanged ? {} : wishes;
  return context.plan(protocol, {
    model: change.model ?? model,
    alternativeModels,
    preferences,
    pinnedProvider: change.vendor ?? pinnedProvider,
  });
}

function notReplayable(message: string, code: 'request_invalid' | 'request_not_found' = 'request_invalid') {
  return new FailureError(createFailure(code, message, { param: 'id' }));
}
