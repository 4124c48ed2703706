// Shares what an attempt has shown with all workers: how long a provider is to be left alone, and whether it is healthy.
import type { Deployment } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { Failure } from '#src/contracts/failure.ts';
import { ruleOf } from '#src/contracts/failure-table.ts';
import { circuitOf, type RouteStep } from '#src/contracts/route-plan.ts';
import type { Scope } from '#src/contracts/scope.ts';
import type { Permit } from '#src/limits/limiter.ts';
import { countsExpected, modelScope } from '#src/limits/permit-terms.ts';
import type { RateLimitHint } from '#src/protocols/protocol.ts';
import type { StreamSpeed } from '#src/routing/signals.ts';
import { noteBegin } from '#src/routing/usual-begin.ts';
import { credentialCircuits, isOfCredential } from './credential-choice.ts';
import type { Delivery, InferenceContext } from './delivery.ts';
import type { AttemptOutcome } from './run-attempt.ts';

export interface Lesson {
  permit: Permit;
  /** Null if the provider has no choice of credentials. */
  credential: Credential | null;
  outcome: AttemptOutcome;
  /** Only the form of the request was refused, and it can be sent in another: no sign of the provider's health. */
  isCurable: boolean;
}

/** Does not wait for the writes. */
export function learn(
  context: InferenceContext,
  { step, spec }: Delivery,
  deployment: Deployment,
  { permit, credential, outcome, isCurable }: Lesson,
): void {
  const { failure, rateLimits, durationMs } = outcome;
  const { limiter, circuits, onTrouble } = context;
  const circuit = circuitOf(step);
  const blockMs = Math.max(failure?.retryAfterMs ?? 0, exhaustedForMs(rateLimits));
  if (failure === null && permit.isTrial) limiter.unblock(permit).catch(onTrouble);
  if (blockMs > 0) {
    const { name } = limitedScope(deployment, step, credential, failure);
    limiter.block(name, Math.min(blockMs, MAX_BLOCK_MS), Math.min(blockMs, MAX_CLAIM_MS)).catch(onTrouble);
  }
  if (deployment.provider.learnsLimits) {
    learnLimits(context, modelScope(deployment, step, credential), permit, outcome);
  }
  if (failure === null && permit.scopes.some(countsExpected)) learnTokens(context, circuit, permit, outcome);
  const speed = failure === null && spec.isStream ? speedOf(outcome) : null;
  if (speed !== null) context.speeds.note(circuit, speed);
  if (failure === null && !spec.isStream && spec.plan.hedge !== undefined) {
    noteBegin(context.speeds, circuit, false, durationMs);
  }
  if (credential !== null) reportCredential(context, deployment, step, credential, outcome);
  if (failure === null) return circuits.reportSuccess(circuit, durationMs);
  if (isOfCredential(credential, failure)) return circuits.reportUndecided(circuit, durationMs);
  const { cooldown } = ruleOf(failure.code);
  if (cooldown === 'none' || isCurable) return circuits.reportUndecided(circuit, durationMs);
  const kind = cooldown === 'open' ? 'refusal' : 'failure';
  circuits.reportFailure(circuit, deployment.provider.circuit, kind, failure.code, durationMs);
}

/** Of several credentials only the refused one leaves the rotation; a 403 usually means that it has no access to one model. */
function reportCredential(
  { circuits }: InferenceContext,
  { provider }: Deployment,
  step: RouteStep,
  credential: Credential,
  { failure, durationMs }: AttemptOutcome,
): void {
  const names = credentialCircuits(credential, step);
  const isRefused = failure !== null && ruleOf(failure.code).cooldown === 'open';
  const refused = failure?.upstreamStatus === 403 ? names[1] : names[0];
  if (isRefused) circuits.reportFailure(refused, provider.circuit, 'refusal', failure.code, durationMs);
  for (const name of names.filter((other) => circuits.isSuspect(other) && !(isRefused && other === refused))) {
    if (failure === null) circuits.reportSuccess(name, durationMs);
    else circuits.reportUndecided(name, durationMs);
  }
}

/**
 * The answer has begun. If the call was the trial of a half-open circuit, the next trial need not wait for its end: a stream may
 * take minutes, and a recovered provider gets its traffic back meanwhile.
 */
export function noteBegun({ circuits }: InferenceContext, { step }: Delivery, startedAtMs: number): void {
  circuits.reportUndecided(circuitOf(step), Date.now() - startedAtMs);
}

/** The wording of OpenAI, Anthropic and others; nothing else distinguishes this limit from others. */
const TOO_MANY_AT_ONCE = /\b(concurren|parallel|simultaneous)/i;

function learnLimits(
  { learned }: InferenceContext,
  scope: Scope,
  permit: Permit,
  { failure, rateLimits }: AttemptOutcome,
): void {
  const isRefused = failure?.code === 'upstream_rate_limited' || failure?.code === 'upstream_quota_exhausted';
  if (rateLimits !== null && (failure === null || isRefused)) {
    const refusal = failure === null ? undefined : { waitMs: failure.retryAfterMs, counted: permit.expected };
    learned.teach(scope, rateLimits, refusal);
  }
  if (failure === null) learned.served(scope);
  else if (isRefused && TOO_MANY_AT_ONCE.test(failure.message)) learned.refused(scope);
}

function learnTokens(
  { tokenEstimates }: InferenceContext,
  model: string,
  { reserved }: Permit,
  outcome: AttemptOutcome,
) {
  const { usage } = outcome;
  if (usage.isEstimated) return;
  const inputTokens = Math.max(0, usage.inputTokens - usage.cachedInputTokens);
  tokenEstimates.learn(model, reserved, { inputTokens, outputTokens: usage.outputTokens });
}

/** Shorter answers consist mostly of their first event. */
const TELLING_TOKENS = 16;

/** Null for an answer that was not streamed: its first token arrives with its last. */
function speedOf({ firstTokenMs, durationMs, usage }: AttemptOutcome): StreamSpeed | null {
  if (firstTokenMs === null) return null;
  const streamedMs = durationMs - firstTokenMs;
  const isTelling = usage.outputTokens >= TELLING_TOKENS && streamedMs > 0;
  return { firstTokenMs, tokensPerSecond: isTelling ? (usage.outputTokens * 1_000) / streamedMs : null };
}

/** The scope that the provider has limited: the requested model, or the whole credential if the provider names it. */
function limitedScope(
  deployment: Deployment,
  step: RouteStep,
  credential: Credential | null,
  failure: Failure | null,
): Scope {
  if (failure?.limits === 'credential') return (credential ?? deployment.provider).scope;
  return modelScope(deployment, step, credential);
}

/** A provider may announce hours, and may be wrong; it is called again after this time at the latest. */
const MAX_BLOCK_MS = 60_000;
/** Until this long after the refusal it gets one trial call at a time, not all waiting requests. */
const MAX_CLAIM_MS = 15 * 60_000;

/**
 * The provider reports that nothing remains. Its reset is the time until the limit is *completely* refilled; with a continuous
 * refill one request is possible much earlier, after its share of a minute.
 */
function exhaustedForMs(hint: RateLimitHint | null): number {
  if (hint === null) return 0;
  let waitMs = 0;
  for (const kind of HINTED) {
    if (hint[`remaining${kind}`] !== 0) continue;
    // A token limit does not tell how many tokens one request needs.
    const limit = kind === 'Requests' ? hint.limitRequests : undefined;
    waitMs = Math.max(waitMs, shareMs(hint[`reset${kind}Ms`], limit));
  }
  return waitMs;
}

const HINTED = ['Requests', 'Tokens', 'InputTokens', 'OutputTokens'] as const;
const TOKEN_REFILL_MS = 1_000;

function shareMs(resetMs: number | undefined, limit: number | undefined): number {
  const oneMs = limit === undefined || limit === 0 ? TOKEN_REFILL_MS : 60_000 / limit;
  return Math.min(resetMs ?? oneMs, oneMs);
}
