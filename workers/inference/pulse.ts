// The signs of life of a worker process: it sends heartbeats, and extends the leases of its open attempts.

import { createFailure } from '#src/contracts/failure.ts';
import { attemptId } from '#src/contracts/ids.ts';
import { PERMIT_LEASE_MS } from '#src/limits/limiter.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { InferenceContext } from './delivery.ts';

const HEARTBEAT_MS = 1_000;
const RENEW_MS = PERMIT_LEASE_MS / 3;

export interface Pulse {
  /** Time since Redis last accepted a heartbeat. */
  silentMs(): number;
  stop(): Promise<void>;
}

/** Resolves after the first heartbeat. */
export async function startPulse(context: InferenceContext, onError: (error: Error) => void): Promise<Pulse> {
  const { liveness, workerId, seenShards, limiter, openPermits, active, metrics } = context;
  let beatAtMs = performance.now();
  const beat = async () => {
    await liveness.heartbeat(workerId, seenShards);
    beatAtMs = performance.now();
  };
  const timers = [
    setInterval(() => {
      metrics.activeRequests(active.size);
      beat().catch(onError);
    }, HEARTBEAT_MS),
    setInterval(() => void limiter.renew([...openPermits.values()]).catch(onError), RENEW_MS),
  ];
  await beat();
  return {
    silentMs: () => performance.now() - beatAtMs,
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await liveness.sayGoodbye(workerId, seenShards);
    },
  };
}

// Listens for messages of other processes: requests whose clients disconnected, limits that have room again, and queries whether
// this process works on a request whose record names it as owner.

export async function listenForControl(
  subscription: RedisClient,
  keyspace: Keyspace,
  replyShards: number,
  context: InferenceContext,
  onError: (error: Error) => void,
): Promise<void> {
  const control = Array.from({ length: replyShards }, (_, shard) => keyspace.controlChannel(shard, context.workerId));
  const answer = (requestId: string) => {
    if (context.active.has(requestId)) return;
    context.store.disown(requestId, context.workerId, 'closed').catch(onError);
    // The request may never have arrived; the permit handed over with it is then unused. A settled attempt is closed already.
    context.limiter.forget(attemptId(requestId, 1)).catch(onError);
  };
  subscription.on('smessage', (channel: string, message: string) => {
    if (channel === keyspace.freedChannel) context.desk.notifyFreed(message);
    else if (!control.includes(channel)) return;
    else if (message.startsWith(QUESTION)) answer(message.slice(QUESTION.length));
    else context.active.abort(message, CANCELLED);
  });
  await Promise.all([keyspace.freedChannel, ...control].map((channel) => subscription.ssubscribe(channel)));
}

/** Prefix of claim.lua's query. */
const QUESTION = '? ';

const CANCELLED = createFailure('request_cancelled', 'The client disconnected, or the request was cancelled.');
