// What is out of rotation, as one process knows it: open circuits and the operator's holds. The script or the call that makes a
// change announces it to every process. Announcements missed while a connection was lost are made up for by a slow poll, and
// by a read as soon as the connection is back.
import type { Keyspace } from '../storage/keyspace.ts';
import { isCluster, type RedisClient } from '../storage/redis.ts';
import { type Circuits, createCircuits } from './circuits.ts';
import { createHolds, HOLDS_CHANGED, type Holds } from './holds.ts';

/** Longest delay until a process learns of a change whose announcement it missed. */
export const ROTATION_REPAIR_MS = 5_000;

export interface Rotation {
  circuits: Circuits;
  holds: Holds;
  stop(): void;
}

export interface RotationOptions {
  redis: RedisClient;
  /** A connection in the `subscriber` profile; others may listen on it too. */
  subscription: RedisClient;
  keyspace: Keyspace;
  onError: (error: Error) => void;
  /** Called after the holds were read. */
  onHolds?: (holds: Holds) => void;
}

/** Resolves once the state has been read and the channels are subscribed. */
export async function followRotation(options: RotationOptions): Promise<Rotation> {
  const { redis, subscription, keyspace, onError, onHolds } = options;
  const circuits = createCircuits(redis, keyspace, onError);
  const holds = createHolds(redis, keyspace);
  const refreshHolds = () => holds.refresh().then(() => onHolds?.(holds));
  const refresh = () => Promise.all([circuits.refresh(), refreshHolds()]);
  const repair = () => void refresh().catch(onError);

  const channel = Buffer.from(keyspace.rotationChannel);
  subscription.on('smessageBuffer', (from: Buffer, message: Buffer) => {
    if (!channel.equals(from)) return;
    const announcement = message.toString();
    if (announcement === HOLDS_CHANGED) refreshHolds().catch(onError);
    else circuits.hear(announcement);
  });
  // `ready` comes before the channels are subscribed again; a command sent after it is answered after them.
  subscription.on('ready', () => {
    if (isCluster(subscription)) repair();
    else subscription.ping().then(repair, onError);
  });
  await subscription.ssubscribe(keyspace.rotationChannel);
  await refresh();
  const timer = setInterval(repair, ROTATION_REPAIR_MS);
  return { circuits, holds, stop: () => clearInterval(timer) };
}
