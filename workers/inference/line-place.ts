// A waiting request's place in the lines (src/limits/lines.ts), where it goes on to wait elsewhere. Nobody waits for it:
// what is lost here, the janitor finds.
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { type LineEntry, lineEntry } from '#src/limits/lines.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

/** It goes on to another deployment; its key's line is the same everywhere. */
export function moveLines(context: InferenceContext, { spec, step }: Delivery, next: RouteStep): void {
  const from = ofDeployment(lineEntry(spec, step));
  const to = ofDeployment(lineEntry(spec, next));
  Promise.all([context.lines.leave(from), context.lines.enter(to)]).catch(context.onTrouble);
}

function ofDeployment(entry: LineEntry): LineEntry {
  return { ...entry, scopes: entry.scopes.slice(0, 1) };
}
