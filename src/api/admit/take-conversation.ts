// Locks a conversation for a request: no other answer may be appended between what it reads and what it appends.
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { LockHolder } from '../../responses/conversations.ts';
import type { ApiContext } from '../context.ts';
import { rethrow } from './dispatch.ts';

/** The previous turn may have ended but not be written yet: that takes a fraction of a second. */
const PATIENCE_MS = 5_000;
const POLL_MS = 25;
/** A request without a record is still being accepted, unless it is older than this: then its API process has died. */
const ACCEPTANCE_MS = 10_000;

/** Throws a FailureError while another request uses the conversation. Release it with `leaveConversation`. */
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
 * Resolves when the items of an ended response are in the conversation, so that a client can read them right after its answer.
 * Resolves after some seconds at the latest, and immediately while a response is in progress or Redis is down.
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

/** The request was not accepted: releases the conversation without waiting for the write. */
export function leaveConversation(context: ApiContext, id: string, holder: LockHolder): void {
  context.conversationLock.release(id, holder).catch(() => undefined);
}

function locked(): FailureError {
  const message = 'Another process is currently operating on this conversation. Please retry in a few seconds.';
  return new FailureError(
    createFailure('conversation_locked', message, { param: 'conversation', retryAfterMs: 1_000 }),
  );
}
