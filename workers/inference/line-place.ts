// A waiting request's place in the lines (src/limits/lines.ts), where something other than a permit changes it. Nobody
// waits for it: what is lost here, the janitor finds.
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { type LineEntry, lineEntry } from '#src/limits/lines.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

/** The request is over. */
export function leaveLines(context: InferenceContext, { spec, step }: Delivery): void {
  context.lines.leave(lineEntry(spec, step)).catch((error) => complain(context, error));
}

/** It goes on to another deployment; its key's line is the same everywhere. */
export function moveLines(context: InferenceContext, { spec, step }: Delivery, next: RouteStep): void {
  const from = ofDeployment(lineEntry(spec, step));
  const to = ofDeployment(lineEntry(spec, next));
  Promise.all([context.lines.leave(from), context.lines.enter(to)]).catch((error) => complain(context, error));
}

function ofDeployment(entry: LineEntry): LineEntry {
  return { ...entry, scopes: entry.scopes.slice(0, 1) };
}

function complain(context: InferenceContext, error: Error): void {
  context.logger.warn({ err: error }, 'a line was not changed');
}
