// A request's turn at its conversation: nobody else's answer may come between what it reads and what it appends.
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { LockHolder } from '../../responses/conversations.ts';
import type { ApiContext } from '../context.ts';
import { rethrow } from './dispatch.ts';

/** The turn before has ended and is being written: that takes a fraction of a second. */
const PATIENCE_MS = 5_000;
const POLL_MS = 25;
/** A request without a record is being accepted, unless it is older than this: then its API process died over it. */
const ACCEPTANCE_MS = 10_000;

/** Throws a FailureError while another request works on it. Give it back with `leaveConversation`. */
export async function takeConversation(context: ApiContext, id: string, holder: LockHolder): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS;
  for (;;) {
    const other = await context.conversationLock.take(id, holder).catch(rethrow);
    if (other === null) return;
    const view = await context.store.read(other.requestId).catch(rethrow);
    if (view === null && Date.now() - other.acceptedAtMs > ACCEPTANCE_MS) {
      if (await context.conversationLock.takeOver(id, other, holder).catch(rethrow)) return;
    } else if ((view !== null && view.state !== 'done') || Date.now() > untilMs) throw locked();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * Resolves when a response that has ended has its items in the conversation: who has been answered may look at once. At the
 * latest after some seconds, at once while a response is in progress or Redis is down.
 */
export async function whenWritten({ conversationLock, store }: ApiContext, id: string): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS;
  while (Date.now() < untilMs) {
    const holder = await conversationLock.holder(id).catch(() => null);
    if (holder === null) return;
    const view = await store.read(holder.requestId).catch(() => null);
    if (view?.state !== 'done') return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** The request was not accepted after all. Returns at once. */
export function leaveConversation(context: ApiContext, id: string, holder: LockHolder): void {
  context.conversationLock.release(id, holder).catch(() => undefined);
}

function locked(): FailureError {
  const message = 'Another process is currently operating on this conversation. Please retry in a few seconds.';
  return new FailureError(
    createFailure('conversation_locked', message, { param: 'conversation', retryAfterMs: 1_000 }),
  );
}
