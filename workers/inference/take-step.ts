// Tries the current step: whether the request can be expressed in the provider's protocol, whether the provider may be called
// (circuit, limits), and if not, what to do instead.

import type { Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import { ruleOf } from '#src/contracts/failure-table.ts';
import { circuitOf } from '#src/contracts/route-plan.ts';
import { accountInWords } from '#src/contracts/scope.ts';
import type { DenialReason, Permit } from '#src/limits/limiter.ts';
import { waitEntry } from '#src/limits/wait-queue.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';
import { DEFAULT_WAIT_UP_TO_MS } from '#src/routing/advance.ts';
import type { CircuitState } from '#src/routing/circuits.ts';
import type { Hold } from '#src/routing/holds.ts';
import { hasNext, maySkip, skip } from '#src/routing/walk.ts';
import { listDropped } from './answer-headers.ts';
import { chooseCredentials, credentialCircuits, findCredential } from './credential-choice.ts';
import { type Delivery, type InferenceContext, type StepResult, spend } from './delivery.ts';
import { performAttempt } from './perform-attempt.ts';
import type { PermitOutcome, WaitedFor } from './permit-desk.ts';
import { grantedPermit, permitRequest } from './permit-request.ts';
import { brokenOff, prepareStep } from './prepare-step.ts';
import { mayHedge, raceAttempts } from './race.ts';
import { awaitLeader } from './shared-prefix.ts';

/** A wait for a permit up to this long keeps the slot; for longer waits the job goes back to the queue. */
export const PATIENCE_MS = 2_000;
/** A shorter wait for a permit is not recorded as a wait. */
const UNREMARKABLE_MS = 5;

export async function takeStep(context: InferenceContext, delivery: Delivery): Promise<StepResult> {
  const { spec, job, step, cancellation, progress } = delivery;
  if (cancellation.failure !== null) return { kind: 'failed', failure: cancellation.failure };
  if (Date.now() >= spec.deadlineAtMs) return { kind: 'failed', failure: deadlinePassed(progress.calls) };
  const deployment = await findDeployment(context, step.deployment);
  const route = deployment && findProtocolRoute(spec.protocol, deployment.provider.protocols);
  if (!deployment || !route) return leaveUnknown(delivery);
  const hold = context.holds.find(deployment);
  if (hold !== null) return leaveHeld(delivery, hold);
  const call = await prepareStep(context, delivery, deployment, route);
  if (call === null) return { kind: 'failed', failure: brokenOff(delivery) };
  if (isFailure(call)) return failOrFallBack(delivery, call);
  if (call.dropped.length > 0 && spec.wishes?.preferences?.requireParameters === true) {
    return leaveIncapable(delivery, call.dropped);
  }

  const { circuits } = context;
  const circuitName = circuitOf(step);
  const wasOpen = circuits.isOpen(circuitName);
  const circuit = await circuits.check(circuitName, maySkip(spec.plan, job.step, progress));
  if (circuit.kind === 'open') return leaveCooling(delivery, circuit);
  const choice = await chooseCredentials(context, delivery, deployment.provider);
  if (choice.kind === 'held') return leaveHeld(delivery, choice.hold);
  if (choice.kind === 'open') return leaveCooling(delivery, choice);
  await awaitLeader(context, delivery);
  const askedAtMs = Date.now();
  const permit = await acquire(context, delivery, deployment, choice.credentials);
  releaseTrial(context, delivery, choice.credentials, permit);
  if (Date.now() - askedAtMs > UNREMARKABLE_MS) {
    const waitedFor = permit.kind === 'granted' ? permit.waitedFor : permit.kind === 'too-long' ? permit : undefined;
    spend(delivery, {
      kind: 'limit',
      provider: step.provider,
      ...(waitedFor === undefined ? {} : reasonOf(waitedFor)),
    });
  }
  if (permit.kind === 'granted') {
    // The state may have changed while it waited for the permit.
    const isOutMeanwhile =
      context.holds.find(deployment) !== null ||
      (!wasOpen && circuits.isOpen(circuitName)) ||
      isHeldCredential(context, deployment, permit.permit);
    const perform = mayHedge(delivery) ? raceAttempts : performAttempt;
    if (!isOutMeanwhile) return perform(context, delivery, deployment, { route, call }, permit.permit);
    await context.limiter.settle(permit.permit, { usedTokens: 0, entry: null });
    await context.waitQueues.enter(waitEntry(spec, step));
    return takeStep(context, delivery);
  }
  if (permit.kind === 'stopped') return { kind: 'failed', failure: cancellation.failure! };
  context.metrics.limited(step.provider, permit.reason);
  const left = leaveFull(delivery, permit);
  return left.kind === 'park' ? { ...left, waitMs: await parkMs(context, delivery, deployment, left.waitMs) } : left;
}

function isHeldCredential({ holds }: InferenceContext, { provider }: Deployment, { credential }: Permit): boolean {
  const used = findCredential(provider, credential);
  return used !== null && holds.get(used.scope.name) !== null;
}

/** The first credential may hold a trial that is not needed because the permit is for another credential, or was not granted. */
function releaseTrial(
  { circuits }: InferenceContext,
  { step }: Delivery,
  [first]: readonly (Credential | null)[],
  outcome: PermitOutcome,
): void {
  if (!first || (outcome.kind === 'granted' && outcome.permit.credential === first.name)) return;
  for (const name of credentialCircuits(first, step)) circuits.reportUndecided(name, 0);
}

/** Uses the permit that came with the request, or waits for one. */
async function acquire(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  credentials: readonly (Credential | null)[],
): Promise<PermitOutcome> {
  const { spec, step, granted, cancellation } = delivery;
  if (granted !== null) {
    delivery.granted = null;
    const { permit, isCurrent } = grantedPermit(context, delivery, deployment, granted);
    if (isCurrent) return { kind: 'granted', permit };
    // The API did not have the limits that this worker has just learned.
    await context.limiter.settle(permit, { usedTokens: 0, entry: null });
    await context.waitQueues.enter(waitEntry(spec, step));
  }
  const patienceMs = Math.min(patienceOf(delivery), spec.deadlineAtMs - Date.now());
  const requests = credentials.map((credential) => permitRequest(context, delivery, deployment, credential));
  return context.desk.acquire(`${deployment.id} ${spec.lane}`, requests, patienceMs, cancellation);
}

/** Longest wait before the request moves to the next step; null if there is none to move to. */
function waitUpToMs({ spec, job, progress }: Delivery): number | null {
  return maySkip(spec.plan, job.step, progress) ? (spec.plan.waitUpToMs ?? DEFAULT_WAIT_UP_TO_MS) : null;
}

function patienceOf(delivery: Delivery): number {
  return Math.min(PATIENCE_MS, waitUpToMs(delivery) ?? PATIENCE_MS);
}

/** How long the request has waited for this provider's limits without interruption and without calling it. */
function waitedMs({ spec, step, progress: { timeline } }: Delivery): number {
  const before = timeline.findLastIndex(
    ({ kind, provider }) => (kind !== 'limit' && kind !== 'skip') || provider !== step.provider,
  );
  return Date.now() - (timeline[before]?.untilMs ?? spec.acceptedAtMs);
}

/** Releasing a hold returns parked jobs immediately (src/api/routes/admin-holds.ts); this interval covers those it misses. */
const HELD_RECHECK_MS = 30_000;

/** The end of a hold is unknown: the request waits until its deadline. */
function leaveHeld(delivery: Delivery, { name }: Hold): StepResult {
  const { spec, step, progress } = delivery;
  const waitMs = Math.min(HELD_RECHECK_MS, spec.deadlineAtMs - Date.now() - 1);
  return skipOrWait(delivery, waitMs, deadlinePassed(progress.calls), {
    kind: 'hold',
    provider: step.provider,
    reason: name,
  });
}

/** A forecast may be too long: a request that returns after this part of it may be early and waits again. */
const TRUSTED_PART = 0.8;

/** How long a waiting request is parked: depends on its place in the wait queue, so that not all return at once. */
async function parkMs(
  context: InferenceContext,
  { spec, step }: Delivery,
  deployment: Deployment,
  atLeastMs: number,
): Promise<number> {
  const { startMs, accountStartMs } = await context.forecaster.ask({ spec, step, deployment }).catch(() => NO_FORECAST);
  const forecastMs = Math.max(startMs, accountStartMs) * TRUSTED_PART;
  return Math.min(Math.max(atLeastMs, forecastMs), spec.deadlineAtMs - Date.now());
}

const NO_FORECAST = { startMs: 0, accountStartMs: 0 };

/** Denials that end at an unknown time, when a call ends: no retry time can be given, only that the deadline has passed. */
const UNFORESEEN: ReadonlySet<DenialReason> = new Set(['concurrency', 'turn']);

function leaveFull(delivery: Delivery, permit: Extract<PermitOutcome, { kind: 'too-long' }>): StepResult {
  const failure = fullFailure(permit);
  const waitsFor = { kind: 'limit', provider: delivery.step.provider, ...reasonOf(permit) } as const;
  const isWorthIt = permit.reason === 'blocked' && waitedMs(delivery) + permit.waitMs <= (waitUpToMs(delivery) ?? 0);
  if (isWorthIt) return { kind: 'park', waitMs: permit.waitMs, waitsFor };
  const result = skipOrWait(delivery, permit.waitMs, failure, waitsFor);
  const isTimeUp = result.kind === 'failed' && failure.code === 'capacity_exhausted' && UNFORESEEN.has(permit.reason);
  return isTimeUp ? { kind: 'failed', failure: deadlinePassed(delivery.progress.calls) } : result;
}

/** Fails immediately if waiting cannot help (a rejected key, an exhausted quota); waits for the end of an outage. */
function leaveCooling(delivery: Delivery, { waitMs, code }: Extract<CircuitState, { kind: 'open' }>): StepResult {
  const { provider } = delivery.step;
  if (ruleOf(code).cooldown === 'open') {
    const message = `Provider '${provider}' refused its credential or has no quota left (${code}); it will be tried again later.`;
    return failOrFallBack(delivery, createFailure(code, message, { retryAfterMs: waitMs, provider }), 'circuit');
  }
  const message = `Provider '${provider}' is out of rotation after repeated failures (${code}).`;
  const failure = createFailure('no_deployment', message, { retryAfterMs: waitMs, provider });
  return skipOrWait(delivery, waitMs, failure, { kind: 'circuit', provider, reason: code });
}

/** The API may have read a newer configuration slightly earlier than this process. */
async function findDeployment(
  { catalogue, refreshCatalogue }: InferenceContext,
  id: string,
): Promise<Deployment | undefined> {
  const known = catalogue.deployments.get(id);
  if (known !== undefined) return known;
  await refreshCatalogue();
  return catalogue.deployments.get(id);
}

/** The request wants all of its fields sent (`provider.require_parameters`). If another provider failed, its failure is used. */
function leaveIncapable(delivery: Delivery, dropped: readonly string[]): StepResult {
  const { spec, step, job, progress } = delivery;
  if (hasNext(spec.plan, job.step, progress)) {
    noteSkip(delivery, 'request parameter_unsupported');
    return { kind: 'fallback' };
  }
  const failed = progress.failures.at(-1);
  if (failed !== undefined) return { kind: 'failed', failure: failed };
  const message = `Provider '${step.provider}' does not support ${listDropped(dropped)}, and provider.require_parameters is set.`;
  return { kind: 'failed', failure: createFailure('parameter_unsupported', message, { param: dropped[0]! }) };
}

function leaveUnknown(delivery: Delivery): StepResult {
  const message = `This worker does not know deployment '${delivery.step.deployment}'.`;
  return failOrFallBack(delivery, createFailure('no_deployment', message));
}

/** The wait is too long for a slot: another step if one is left, else the queue, else (past the deadline) the failure. */
function skipOrWait(
  delivery: Delivery,
  waitMs: number,
  failure: Failure,
  waitsFor: NonNullable<Delivery['progress']['waitsFor']>,
): StepResult {
  const { spec, job, progress } = delivery;
  const readyAtMs = Date.now() + waitMs;
  if (failure.code !== 'key_rate_limited' && maySkip(spec.plan, job.step, progress)) {
    delivery.progress = skip(spec.plan, job.step, progress, readyAtMs);
    noteSkip(delivery, `${waitsFor.kind} ${waitsFor.reason ?? ''}`.trimEnd());
    return { kind: 'fallback' };
  }
  return readyAtMs < spec.deadlineAtMs ? { kind: 'park', waitMs, waitsFor } : { kind: 'failed', failure };
}

function reasonOf({ scope, reason }: WaitedFor): { reason: string } {
  return { reason: `${scope.name} ${reason}` };
}

function failOrFallBack(delivery: Delivery, failure: Failure, because: 'circuit' | 'request' = 'request'): StepResult {
  const { spec, job, progress } = delivery;
  if (!hasNext(spec.plan, job.step, progress)) return { kind: 'failed', failure };
  delivery.progress = { ...progress, failures: [...progress.failures, failure] };
  noteSkip(delivery, `${because} ${failure.code}`);
  return { kind: 'fallback' };
}

/** The timeline records for every skipped provider of the plan why it was not called. */
function noteSkip(delivery: Delivery, reason: string): void {
  spend(delivery, { kind: 'skip', provider: delivery.step.provider, reason });
}

function deadlinePassed(calls: number): Failure {
  return calls === 0
    ? createFailure('deadline_passed_waiting', 'The deadline passed while the request was waiting.')
    : createFailure('deadline_passed', 'The deadline passed between two attempts.');
}

function fullFailure({ scope, reason, waitMs }: Extract<PermitOutcome, { kind: 'too-long' }>): Failure {
  const isKey = /^(key|project|organisation):/.test(scope.name);
  const whose = isKey ? accountInWords(scope.name) : `The ${scope.name.replace(':', ' ')}`;
  const message = `${whose} is at its limit (${reason}); the next free slot is expected in ${Math.ceil(waitMs / 1000)} s.`;
  return createFailure(isKey ? 'key_rate_limited' : 'capacity_exhausted', message, { retryAfterMs: waitMs });
}
