// One request at a time works on a conversation: from its acceptance until its items are written, or the next turn would
// be answered without them.
import type { RequestSpec } from '../contracts/request-record.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export type LockHolder = Pick<RequestSpec, 'requestId' | 'acceptedAtMs'>;

export interface ConversationLock {
  /** Null when this request has it now, else who has it. */
  take(conversationId: string, holder: LockHolder): Promise<LockHolder | null>;
  /** From a request of which nothing is left. False when somebody was faster. */
  takeOver(conversationId: string, from: LockHolder, to: LockHolder): Promise<boolean>;
  /** Safe to repeat. */
  release(conversationId: string, holder: LockHolder): Promise<void>;
}

/** Should nobody ever release it: longer than any deadline and the longest outage of SQL that Redis bridges. */
const LOCK_MS = 3 * 24 * 3_600_000;

const swapScript = loadLuaScript(import.meta.url, './swap-lock.lua');

export function createConversationLock(redis: RedisClient, keyspace: Keyspace): ConversationLock {
  const swap = (conversationId: string, from: LockHolder, to: string) =>
    runScript(redis, swapScript, [keyspace.conversation(conversationId)], [encode(from), to, LOCK_MS]);
  return {
    async take(conversationId, holder) {
      const key = keyspace.conversation(conversationId);
      const other = await redis.set(key, encode(holder), 'PX', LOCK_MS, 'NX', 'GET');
      return other === null || other === encode(holder) ? null : decode(other);
    },
    takeOver: async (conversationId, from, to) => (await swap(conversationId, from, encode(to))) === 1,
    async release(conversationId, holder) {
      await swap(conversationId, holder, '');
    },
  };
}

function encode({ requestId, acceptedAtMs }: LockHolder): string {
  return `${requestId} ${acceptedAtMs}`;
}

function decode(text: string): LockHolder {
  const [requestId, acceptedAtMs] = text.split(' ');
  return { requestId: requestId!, acceptedAtMs: Number(acceptedAtMs) };
}
