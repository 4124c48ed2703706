// Listens for what other processes tell this one: requests whose clients went away, limits that have room again, and what
// they ask it: whether it works on a request that its record says it holds.
import { createFailure } from '#src/contracts/failure.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { InferenceContext } from './delivery.ts';

export async function listenForControl(
  subscription: RedisClient,
  keyspace: Keyspace,
  replyShards: number,
  context: InferenceContext,
  onError: (error: Error) => void,
): Promise<void> {
  const control = Array.from({ length: replyShards }, (_, shard) => keyspace.controlChannel(shard, context.workerId));
  const answer = (requestId: string) => {
    if (!context.active.has(requestId)) context.store.disown(requestId, context.workerId).catch(onError);
  };
  subscription.on('smessage', (channel: string, message: string) => {
    if (channel === keyspace.freedChannel) context.desk.notifyFreed(message);
    else if (!control.includes(channel)) return;
    else if (message.startsWith(QUESTION)) answer(message.slice(QUESTION.length));
    else context.active.abort(message, CANCELLED);
  });
  await Promise.all([keyspace.freedChannel, ...control].map((channel) => subscription.ssubscribe(channel)));
}

/** As claim.lua asks it. */
const QUESTION = '? ';

const CANCELLED = createFailure('request_cancelled', 'The client went away, or the request was cancelled.');
