// The path of one request through its plan. First every step in order; a step that is full or out of rotation is skipped
// without a call. If no step has answered by the end of the plan, the request waits for the skipped steps, in the order in
// which they expect to be ready. A failure for which the plan has a detour replaces all remaining steps by that detour.
//
// A position counts the places on this path from 0. It only grows, so a job or a claim of an earlier place is recognised as
// outdated. Positions before `endOf` are steps in order; from there on `progress.revisited` is the step.
import type { Failure } from '../contracts/failure.ts';
import type { RequestProgress } from '../contracts/request-record.ts';
import { allSteps, type DetourCode, type RoutePlan, type RouteStep } from '../contracts/route-plan.ts';

export function stepAt(plan: RoutePlan, position: number, progress: RequestProgress): RouteStep {
  return allSteps(plan)[indexAt(plan, position, progress)]!;
}

/** Index among all steps of the plan, detours included. */
function indexAt(plan: RoutePlan, position: number, progress: RequestProgress): number {
  if (position >= endOf(plan, progress)) return progress.revisited!;
  const { detour } = progress;
  return detour === undefined ? position : firstOf(plan, detour.codes.at(-1)!) + position - detour.from;
}

/** The position after the last step that is taken in order. */
function endOf(plan: RoutePlan, { detour }: RequestProgress): number {
  return detour === undefined ? plan.steps.length : detour.from + stepsOf(plan, detour.codes.at(-1)!).length;
}

/** Index of a detour's first step among all steps. */
function firstOf(plan: RoutePlan, code: DetourCode): number {
  const before = code === 'upstream_content_filter' ? 0 : stepsOf(plan, 'upstream_content_filter').length;
  return plan.steps.length + before;
}

function stepsOf({ detours }: RoutePlan, code: DetourCode): readonly RouteStep[] {
  return detours?.[code] ?? [];
}

/** Whether there is a place after this one. */
export function hasNext(plan: RoutePlan, position: number, progress: RequestProgress): boolean {
  return position + 1 < endOf(plan, progress) || progress.skipped.length > 0;
}

/** The next step in order; null after the last. */
export function stepBehind(plan: RoutePlan, position: number, progress: RequestProgress): RouteStep | null {
  return position + 1 < endOf(plan, progress) ? stepAt(plan, position + 1, progress) : null;
}

/** Whether this place may be skipped. A step can be skipped only once. */
export function maySkip(plan: RoutePlan, position: number, progress: RequestProgress): boolean {
  return position < endOf(plan, progress) && hasNext(plan, position, progress);
}

/** Records that the step was skipped. @param readyAtMs when it expects to be ready, Unix ms. */
export function skip(plan: RoutePlan, position: number, progress: RequestProgress, readyAtMs: number): RequestProgress {
  return { ...progress, skipped: [...progress.skipped, { step: indexAt(plan, position, progress), readyAtMs }] };
}

/**
 * Progress with the plan's detour for this failure; null if there is none or it was taken before. The next place (`moveOn`)
 * is the first of the detour. Skipped steps are dropped, because they would fail in the same way.
 */
export function takeDetour(
  plan: RoutePlan,
  position: number,
  progress: RequestProgress,
  { code }: Pick<Failure, 'code'>,
): RequestProgress | null {
  if (!isDetourCode(code) || stepsOf(plan, code).length === 0) return null;
  const codes = progress.detour?.codes ?? [];
  if (codes.includes(code)) return null;
  return { ...progress, skipped: [], revisited: null, detour: { from: position + 1, codes: [...codes, code] } };
}

function isDetourCode(code: Failure['code']): code is DetourCode {
  return code === 'upstream_content_filter' || code === 'upstream_context_length';
}

/** Progress at the place after this one, which must exist (`hasNext`). */
export function moveOn(plan: RoutePlan, position: number, progress: RequestProgress): RequestProgress {
  const fresh = { ...progress, failuresAtStep: hasFailedAt(position + 1, progress) ? 1 : 0 };
  if (position + 1 < endOf(plan, progress)) return fresh;
  const first = progress.skipped.reduce((best, next) => (next.readyAtMs < best.readyAtMs ? next : best));
  return { ...fresh, revisited: first.step, skipped: progress.skipped.filter((other) => other !== first) };
}

/** Whether the second, parallel attempt was made at this position and has failed. */
function hasFailedAt(position: number, { hedge }: RequestProgress): boolean {
  return hedge?.hasFailed === true && hedge.place === position;
}
