// The last step of admission: record, wait queue entry, and job. One script if one server has all keys, in which a free worker
// gets the request immediately (src/queue/hand-off.ts); otherwise one after the other, the record first: a job without a record
// would have no effect.
import { costOfAttempt, estimatedUsage } from '../../accounts/request-cost.ts';
import type { Catalogue, Deployment } from '../../config/catalogue.ts';
import type { Neighbours } from '../../contracts/neighbours.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import { circuitOf } from '../../contracts/route-plan.ts';
import type { Scope } from '../../contracts/scope.ts';
import type { Turn } from '../../contracts/turn.ts';
import { unsettledMessage } from '../../ledger/books.ts';
import type { LearnedLimits } from '../../limits/learned-limits.ts';
import { type Limiter, type PermitRequest, permitScript } from '../../limits/limiter.ts';
import { attemptScopes, countsExpected, limitsOf, permitTermsOf, turnOf } from '../../limits/permit-terms.ts';
import { enterScript, readTotals, type WaitEntry, type WaitQueues, type WaitTotals } from '../../limits/wait-queue.ts';
import { isFree } from '../../protocols/protocol.ts';
import { clientProtocol } from '../../protocols/registry.ts';
import { addScript, offerScript } from '../../queue/bullmq-layout.ts';
import { readGrant } from '../../queue/hand-off.ts';
import type { QueueProducer } from '../../queue/producer.ts';
import {
  type AcceptResult,
  acceptScript,
  claimNewScript,
  type IdempotencyClaim,
  type RequestStore,
  readAccepted,
} from '../../reply/request-store.ts';
import type { Circuits } from '../../routing/circuits.ts';
import type { Holds } from '../../routing/holds.ts';
import { joinScripts, loadLuaScript, runCall, runScript, type ScriptCall } from '../../storage/lua-script.ts';
import { isCluster, type RedisClient } from '../../storage/redis.ts';

export interface HandOver {
  /** @param entry null if it is already in its wait queue. Rejects if Redis does not accept all of it. */
  handOver(request: AcceptedRequest, entry: WaitEntry | null): Promise<HandedOver>;
}

export interface AcceptedRequest {
  spec: RequestSpec;
  body: Buffer;
  timeToLiveMs: number;
  idempotency: IdempotencyClaim | undefined;
}

export interface HandedOver {
  result: AcceptResult;
  /** Sizes of its wait queues, itself included; null if it was counted before, or joins another. */
  totals: WaitTotals[] | null;
}

interface HandOverParts {
  redis: RedisClient;
  store: RequestStore;
  waitQueues: WaitQueues;
  producer: QueueProducer;
  limiter: Pick<Limiter, 'acquireCall'>;
  learned: Pick<LearnedLimits, 'scopeOf'>;
  catalogue: Catalogue;
  holds: Pick<Holds, 'find'>;
  circuits: Pick<Circuits, 'isOpen'>;
  /** Unix ms by the clock of Redis; null if unknown. */
  redisNowMs: () => number | null;
  /** Link to the worker in this process; null if there is none. */
  neighbours: Neighbours | null;
}

const mainScript = loadLuaScript(import.meta.url, './hand-over.lua');
const handOverScript = joinScripts(
  mainScript.command,
  {
    accept: acceptScript,
    enter: enterScript,
    add: addScript,
    offer: offerScript,
    claim: claimNewScript,
    permit: permitScript,
  },
  mainScript,
);

/** Without those for an idempotency key. */
const ACCEPT_ARGUMENTS = 4;
const NOT_OFFERED = Array.from({ length: 6 }, () => '');

/** A call that the script makes only if no worker is free: parsed there. */
function written({ keys, args }: ScriptCall): string {
  return JSON.stringify([keys, args.map(String)]);
}

export function createHandOver(parts: HandOverParts): HandOver {
  const { redis, store, waitQueues, producer } = parts;
  function callsOf({ spec, body, timeToLiveMs, idempotency }: AcceptedRequest, entry: WaitEntry | null) {
    const job = { requestId: spec.requestId, step: 0 };
    const step = spec.plan.steps[0]!;
    const turn =
      spec.lane === 'interactive' ? turnOf(spec, parts.catalogue.deployments.get(step.deployment)) : undefined;
    return {
      accept: store.acceptCall(spec, body, timeToLiveMs, idempotency),
      enter: entry === null ? null : waitQueues.enterCall(entry),
      add: producer.enqueueCall(step.provider, spec.lane, [job], turn),
    };
  }

  async function inOneStep(request: AcceptedRequest, entry: WaitEntry | null): Promise<HandedOver> {
    const { accept, enter, add } = callsOf(request, entry);
    const [record, ...idempotencyKey] = accept.keys;
    const send = (offered: OfferCalls | null) => {
      const { offer = null, permit = null, limits = '' } = offered ?? {};
      // The record's key stands for one that is not used: a Redis user may be allowed keys of Sluice only.
      const keys = [record!, ...(offer?.keys ?? [record!, record!]), permit?.keys[0] ?? record!, ...idempotencyKey];
      return runScript(redis, handOverScript, keys, [
        ...accept.args.slice(0, ACCEPT_ARGUMENTS),
        idempotencyKey.length === 0 ? '' : '1',
        enter === null ? '' : written(enter),
        written(add),
        limits,
        ...(offer?.args ?? NOT_OFFERED),
        ...(permit?.args ?? ['']),
        ...accept.args.slice(ACCEPT_ARGUMENTS),
      ]);
    };
    const offered = entry === null ? null : offerCalls(parts, request);
    const limits = offered?.limits ?? '';
    // This process still waits: it was not late, the clock of Redis has moved. Without an offer the time of sending is not told.
    const reply = await send(offered).catch((error: Error) => (isLate(error) ? send(null) : Promise.reject(error)));
    const [accepted, totals, grant] = reply as [unknown, number[] | null, string?];
    // The first argument of `accept` is the spec as JSON: passed as text, so that neither side can change the other's objects.
    if (grant !== undefined) {
      const handed = { ...readGrant(`${grant} ${limits}`), spec: String(accept.args[0]), body: request.body };
      // The worker already owns it, even if this call fails: if it is never processed, its lease expires.
      parts.neighbours?.receive?.(handed);
    }
    return { result: readAccepted(accepted), totals: totals ? readTotals(totals) : null };
  }

  async function stepByStep(request: AcceptedRequest, entry: WaitEntry | null): Promise<HandedOver> {
    const { accept, enter, add } = callsOf(request, entry);
    const run = (call: ScriptCall | null) => (call === null ? null : runCall(redis, call));
    const [accepted, totals] = await Promise.all([run(accept), run(enter)]);
    const result = readAccepted(accepted);
    if (result.kind !== 'accepted') {
      if (entry !== null) await waitQueues.leave(entry);
      return { result, totals: null };
    }
    await run(add);
    return { result, totals: totals ? readTotals(totals as number[]) : null };
  }

  return { handOver: isCluster(redis) ? stepByStep : inOneStep };
}

type OfferCalls = NonNullable<ReturnType<typeof offerCalls>>;

/** The answer of hand-over.lua to a call that a frozen Redis has held up for too long. */
function isLate({ message }: Error): boolean {
  return message.startsWith('LATE ');
}

/** Calls that hand a request to a free worker, usually with a permit for its first call; null if it is queued in any case. */
function offerCalls(parts: HandOverParts, { spec }: AcceptedRequest) {
  const { catalogue, holds, circuits, producer, limiter, learned, redisNowMs, neighbours } = parts;
  const step = spec.plan.steps[0]!;
  const deployment = catalogue.deployments.get(step.deployment);
  const near = neighbours?.receive ? neighbours.instanceId : '';
  if (deployment === undefined || spec.lane !== 'interactive') return null;
  const sentAtMs = redisNowMs();
  if (sentAtMs === null || holds.find(deployment) !== null || circuits.isOpen(circuitOf(step))) return null;
  const scopes = attemptScopes(learned, { deployment, step, credential: null, spec });
  const turn = turnOf(spec, deployment);
  // The worker chooses the credential and estimates the expected tokens, and a request that waits for another with the same
  // prompt prefix must not hold a permit meanwhile.
  const isChosen =
    deployment.provider.credentials.length > 0 || scopes.some(countsExpected) || spec.plan.prefix !== undefined;
  const terms = { sentAtMs, nearWorkerId: near };
  return {
    offer: producer.offerCall(step.provider, spec.lane, { requestId: spec.requestId, step: 0 }, terms),
    permit: isChosen ? null : limiter.acquireCall(firstPermit(catalogue, deployment, spec, scopes, turn), true),
    limits: limitsOf(scopes),
  };
}

/** The same request as its worker's (workers/inference/permit-request.ts). */
function firstPermit(
  catalogue: Catalogue,
  deployment: Deployment,
  spec: RequestSpec,
  scopes: readonly Scope[],
  turn: Turn,
): PermitRequest {
  const step = spec.plan.steps[0]!;
  const usage = estimatedUsage(spec, spec.estimatedInputTokens, isFree(clientProtocol(spec.protocol)));
  const cost = costOfAttempt(catalogue, deployment, step.upstreamModel, usage);
  const facts = { spec, step, attempt: 1, startedAtMs: Date.now() };
  return { ...permitTermsOf(spec, 1, scopes, turn), unsettledEntry: unsettledMessage(facts, usage, cost) };
}
