// A waiting request's place in the wait queues (src/limits/wait-queue.ts), where it moves to wait elsewhere. Nobody waits for
// it: what is lost here, the janitor finds.
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { type WaitEntry, waitEntry } from '#src/limits/wait-queue.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

/** It moves to another deployment; its key's wait queue is the same everywhere. */
export function moveWaitQueues(context: InferenceContext, { spec, step }: Delivery, next: RouteStep): void {
  const from = ofDeployment(waitEntry(spec, step));
  const to = ofDeployment(waitEntry(spec, next));
  Promise.all([context.waitQueues.leave(from), context.waitQueues.enter(to)]).catch(context.onTrouble);
}

function ofDeployment(entry: WaitEntry): WaitEntry {
  return { ...entry, scopes: entry.scopes.slice(0, 1) };
}
