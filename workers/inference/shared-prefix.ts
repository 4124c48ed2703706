// Requests with the same prompt prefix wait for the first of them (src/routing/prefixes.ts).
import { circuitOf } from '#src/contracts/route-plan.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

const LOOK_EVERY_MS = 50;

/** Resolves when the request may proceed: immediately for models that share no prefixes, and if Redis fails. */
export async function awaitLeader({ prefixes, onTrouble }: InferenceContext, delivery: Delivery): Promise<void> {
  const { spec, step, cancellation } = delivery;
  const { prefix } = spec.plan;
  if (prefix === undefined || prefix.waitMs === 0 || delivery.isLeader) return;
  const untilMs = Math.min(Date.now() + prefix.waitMs, spec.deadlineAtMs);
  while (cancellation.failure === null) {
    const place = await prefixes.enter(circuitOf(step), prefix.hash, prefix.waitMs).catch((error: Error) => {
      onTrouble(error);
      return 'warm' as const;
    });
    delivery.isLeader = place === 'lead';
    if (place !== 'wait' || Date.now() >= untilMs) return;
    await cancellation.sleep(LOOK_EVERY_MS);
  }
}

/** The provider has read the prompt: it is in its cache. */
export function noteLed({ prefixes, onTrouble }: InferenceContext, delivery: Delivery): void {
  const { prefix } = delivery.spec.plan;
  if (!delivery.isLeader || prefix === undefined) return;
  delivery.isLeader = false;
  prefixes.begun(circuitOf(delivery.step), prefix.hash).catch(onTrouble);
}

/** The leader's call ended without an answer, or was not made. */
export function leaveLead({ prefixes, onTrouble }: InferenceContext, delivery: Delivery): void {
  const { prefix } = delivery.spec.plan;
  if (!delivery.isLeader || prefix === undefined) return;
  delivery.isLeader = false;
  prefixes.gone(circuitOf(delivery.step), prefix.hash).catch(onTrouble);
}
