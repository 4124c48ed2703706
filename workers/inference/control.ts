// Listens for what other processes tell this one: requests whose clients went away, limits that have room again.
import { createFailure } from '#src/contracts/failure.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { InferenceContext } from './delivery.ts';

export async function listenForControl(
  subscription: RedisClient,
  keyspace: Keyspace,
  replyShards: number,
  context: InferenceContext,
): Promise<void> {
  const control = Array.from({ length: replyShards }, (_, shard) => keyspace.controlChannel(shard, context.workerId));
  subscription.on('smessage', (channel: string, message: string) => {
    if (channel === keyspace.freedChannel) context.desk.notifyFreed(message);
    else if (control.includes(channel)) context.active.abort(message, CANCELLED);
  });
  await Promise.all([keyspace.freedChannel, ...control].map((channel) => subscription.ssubscribe(channel)));
}

const CANCELLED = createFailure('request_cancelled', 'The client went away, or the request was cancelled.');
