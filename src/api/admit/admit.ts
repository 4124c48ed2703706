// Whether a request may be accepted, and how long it may take: reads deadline, lane and priority, checks the model, reserves the
// budget.
import type { IncomingHttpHeaders } from 'node:http';
import { type ApiKey, type BudgetPeriod, hasBudget, mayUseModel } from '../../accounts/api-key.ts';
import { estimateCost } from '../../accounts/request-cost.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { LANES, type Lane } from '../../contracts/job.ts';
import { RATE_KINDS, type RateKind } from '../../contracts/limit-kinds.ts';
import { formatUsd, type PicoUsd } from '../../contracts/money.ts';
import type { BudgetReservation, RequestSpec } from '../../contracts/request-record.ts';
import type { RoutePlan } from '../../contracts/route-plan.ts';
import type { Limits, Scope } from '../../contracts/scope.ts';
import { PRIORITIES } from '../../contracts/turn.ts';
import type { Limiter } from '../../limits/limiter.ts';
import type { Window } from '../../limits/window.ts';
import type { ApiContext } from '../context.ts';

/** A client may ask for a shorter deadline than the configured one, or a longer one up to this. */
const MAX_DEADLINE_MS = 24 * 3_600_000;
/** A reservation outlives its request's deadline by this: the worker may still be settling. */
const RESERVATION_GRACE_MS = 600_000;

export function readDeadlineMs(headers: IncomingHttpHeaders, defaultMs: number): number {
  const text = headers['x-sluice-deadline-ms'];
  if (text === undefined) return defaultMs;
  // `Number` would also read 0x10 and 1e3.
  const deadlineMs = /^\d+$/.test(String(text)) ? Number(text) : 0;
  if (deadlineMs <= 0 || deadlineMs > MAX_DEADLINE_MS) {
    throw invalidHeader('x-sluice-deadline-ms', `must be a whole number of milliseconds from 1 to ${MAX_DEADLINE_MS}`);
  }
  return deadlineMs;
}

/** From the header, else from OpenAI's `service_tier: "flex"`: slower and, if the provider offers it, cheaper. */
export function readLane(headers: IncomingHttpHeaders, body: unknown): Lane {
  const isFlexible = (body as { service_tier?: unknown } | null)?.service_tier === 'flex';
  const text = headers['x-sluice-lane'] ?? (isFlexible ? 'batch' : 'interactive');
  const lane = LANES.find((known) => known === text);
  if (lane === undefined) throw invalidHeader('x-sluice-lane', `must be one of ${LANES.join(', ')}`);
  return lane;
}

/** Absent for normal priority. */
export function readPriority(headers: IncomingHttpHeaders): Pick<RequestSpec, 'priority'> {
  const text = headers['x-sluice-priority'];
  if (text === undefined || text === 'normal') return {};
  const priority = PRIORITIES.find((known) => known === text);
  if (priority === undefined) throw invalidHeader('x-sluice-priority', `must be one of ${PRIORITIES.join(', ')}`);
  return { priority };
}

const PROVIDER_NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** The `vendor` header: null for automatic routing. */
export function readPinnedProvider(headers: IncomingHttpHeaders): string | null {
  const text = headers.vendor;
  if (typeof text !== 'string' || text === '' || text === 'auto') return null;
  if (!PROVIDER_NAME.test(text)) throw invalidHeader('vendor', "must be 'auto' or the name of a provider");
  return text;
}

export function invalidHeader(name: string, what: string): FailureError {
  return new FailureError(createFailure('request_invalid', `The header ${name} ${what}.`, { param: name }));
}

export function checkModelAllowed(key: ApiKey, model: string): void {
  if (mayUseModel(key, model)) return;
  // If the key itself allows it, an account above does not: name it, so that the operator knows which one to change.
  const above = mayUseModel({ settings: key.settings, above: [] }, model)
    ? key.above.find((account) => !mayUseModel({ settings: account.settings, above: [] }, model))
    : undefined;
  const whose = above === undefined ? 'This key' : `The ${above.kind} ${above.id} of this key`;
  const message = `${whose} may not use the model '${model}'. GET /v1/models lists the allowed models.`;
  throw new FailureError(createFailure('key_forbidden', message, { param: 'model' }));
}

/**
 * Headers with the state of a key's limits: for each kind of limit the one of key, project and organisation that leaves the
 * least. Whether the request fits is decided by admission (admission.ts).
 */
export async function readKeyLimits(limiter: Limiter, scopes: readonly Scope[]): Promise<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (scopes.length === 0) return headers;
  const windows = await Promise.all(scopes.map(({ name }) => limiter.peek(name)));
  for (const kind of RATE_KINDS) {
    const standings = scopes.flatMap(({ limits }, index) => standingOf(kind, limits, windows[index]!));
    const tightest = standings.sort((a, b) => a.remaining - b.remaining)[0];
    if (tightest === undefined) continue;
    const name = kind.label.replaceAll('_', '-');
    headers[`x-ratelimit-limit-${name}`] = String(tightest.limit);
    headers[`x-ratelimit-remaining-${name}`] = String(tightest.remaining);
    headers[`x-ratelimit-reset-${name}`] = `${tightest.resetMs}ms`;
  }
  return headers;
}

function standingOf({ name, measure }: RateKind, limits: Limits, window: Window) {
  const limit = limits[name];
  if (limit === undefined) return [];
  const used = window.used[name] + (measure === 'requests' ? 1 : 0);
  return [{ limit, remaining: Math.max(0, limit - used), resetMs: window.leaving[name].at(-1)?.inMs ?? 0 }];
}

type Sized = Pick<
  RequestSpec,
  | 'requestId'
  | 'plan'
  | 'lane'
  | 'lifetime'
  | 'acceptedAtMs'
  | 'deadlineAtMs'
  | 'estimatedInputTokens'
  | 'estimatedOutputTokens'
  | 'serviceTier'
>;

/**
 * Reserves the estimated cost of the most expensive step; throws a FailureError (402) if a budget of the key has no room for it.
 * For a request that may have two concurrent attempts (hedging) it reserves twice as much, or marks in its plan that there is no
 * room.
 */
export async function reserveBudget(
  context: ApiContext,
  key: ApiKey,
  plan: RoutePlan,
  request: Sized,
): Promise<BudgetReservation | null> {
  if (!hasBudget(key)) return null;
  const cost = estimateCost(context.catalogue, plan, request);
  const { requestId, acceptedAtMs } = request;
  const untilMs = request.deadlineAtMs + RESERVATION_GRACE_MS;
  const reserve = (amount: PicoUsd) => context.budgets.reserve(key, { requestId, cost: amount, acceptedAtMs, untilMs });
  if (mayHaveTwo(request)) {
    const both = await reserve(2n * cost);
    if (both.kind === 'reserved') return both.reservation;
    request.plan = { ...request.plan, hedge: { ...request.plan.hedge!, isOverBudget: true } };
  }
  const result = await reserve(cost);
  if (result.kind === 'reserved') return result.reservation;
  if (result.kind === 'unlimited') return null;
  const above = key.above.find(({ id }) => id === result.owner);
  const whose = above === undefined ? 'this key' : `the ${above.kind} ${above.id}`;
  const what =
    result.period === 'credits' ? `The credits of ${whose} are used up` : `The budget of ${whose} is exhausted`;
  const message =
    `${what}: ${formatUsd(result.left)} USD ${PERIOD_WORDS[result.period]}, ` +
    `and the request may cost ${formatUsd(cost)} USD. Raise the limit, or lower max_tokens.`;
  throw new FailureError(createFailure('budget_exhausted', message));
}

/** The same decision as in workers/inference/race.ts, as far as it is known here. */
function mayHaveTwo({ plan: { hedge, steps, detours = {} }, lane, lifetime }: Sized): boolean {
  if (hedge === undefined || hedge.isUnwanted || lane !== 'interactive' || lifetime === 'nobody') return false;
  return [steps, ...Object.values(detours)].some((way) => way.length > 1);
}

const PERIOD_WORDS: Readonly<Record<BudgetPeriod | 'credits', string>> = {
  credits: 'are left',
  total: 'are left',
  month: 'are left for this month',
  week: 'are left for this week',
  day: 'are left for today (UTC)',
};
