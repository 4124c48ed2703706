// Requests that go to a worker in the very step that accepts them, where one waits for work: no queue, no fetch, no claim.
// Only where one server has all keys. Everything else (a full house, a stopped worker, a large body, a cluster) is queued.
//
// A worker lists itself per queue with the room that it has; offer-job.lua, take-job.lua and finish-job.lua count, and
// this file corrects what went wrong between them. The request itself comes as a message on the worker's own channel. It has no
// job, but a lease, which its worker renews (consumer.ts). One whose lease runs out, as its worker died or its message was lost
// with a connection, is made a job by the next worker that says it is well.
// Why: docs/decisions/2026-11-28-hand-off.md, docs/decisions/2026-11-28-leases.md.
import type { HandedOff } from '../contracts/neighbours.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runCall } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { queueName, STORED_OPTIONS } from './bullmq-layout.ts';

/** Larger bodies are fetched by their worker: a subscriber that has megabytes to come is cut off by Redis. */
export const MAX_HANDED_BYTES = 64 * 1024;

const SIGN_EVERY_MS = 1_000;
/** A worker that has not said so for so long is given nothing: it stands still. */
const SIGN_LASTS_MS = 2_500;
/** What differs in so many looks is no message on its way, but a count that went wrong. */
const LOOKS = 3;
/** The last message on the channel, to itself: nothing comes behind it. */
const LAST = 'last';
const LAST_WITHIN_MS = 1_000;

/** A queue whose worker may be given jobs. */
export interface HandOffQueue {
  provider: string;
  /** How many more jobs there is room for. */
  readonly room: number;
}

export interface HandOffDesk {
  /** From now on it is given jobs of these queues, too. */
  open(queues: readonly HandOffQueue[]): Promise<void>;
  /** A job began or ended without one of the scripts that count. */
  correct(provider: string, change: 1 | -1): void;
  /** Nothing is handed over any more once this has resolved. */
  close(): Promise<void>;
}

export interface HandOffOptions {
  redis: RedisClient;
  /** A connection in the `subscriber` profile, and nobody else's: bodies come on it. */
  channel: RedisClient;
  keyspace: Keyspace;
  workerId: string;
  receive: (handed: HandedOff) => void;
  /** So many requests of this provider have lost their worker, and became jobs. */
  onLost?: (provider: string, requests: number) => void;
  onError: (error: Error) => void;
}

const freeWorkersScript = loadLuaScript(import.meta.url, './free-workers.lua');

export function createHandOffDesk(options: HandOffOptions): HandOffDesk {
  const { redis, channel, keyspace, workerId, receive, onError } = options;
  const { sign, channel: prefix } = keyspace.handOff;
  const listOf = (provider: string) => keyspace.freeWorkers(queueName(provider, 'interactive'), provider);
  const leasesOf = (provider: string) => keyspace.leases(queueName(provider, 'interactive'), provider);
  let queues: readonly HandOffQueue[] = [];
  let drifts: Drift[] = [];
  let timer: NodeJS.Timeout | undefined;
  let onLast: () => void = () => undefined;

  async function say(): Promise<void> {
    if (queues.length === 0) return;
    const rooms = queues.map(({ room }) => room);
    const providers = queues.map(({ provider }) => provider);
    const keys = [sign + workerId, ...providers.flatMap((provider) => [listOf(provider), leasesOf(provider)])];
    const each = rooms.flatMap((room, index) => [room, drifts[index]!.correction()]);
    const call = { script: freeWorkersScript, keys, args: [workerId, SIGN_LASTS_MS, STORED_OPTIONS, ...each] };
    const counted = (await runCall(redis, call)) as number[];
    for (const [index, provider] of providers.entries()) {
      drifts[index]?.note(rooms[index]! - counted[2 * index]!);
      const lost = counted[2 * index + 1]!;
      if (lost > 0) options.onLost?.(provider, lost);
    }
  }

  function hear(_: Buffer, message: Buffer): void {
    if (message.length === LAST.length && message.toString() === LAST) onLast();
    else receive(readHandedOff(message));
  }

  return {
    async open(more) {
      if (timer === undefined) {
        timer = setInterval(() => void say().catch(onError), SIGN_EVERY_MS);
        channel.on('smessageBuffer', hear);
        await channel.ssubscribe(prefix + workerId);
      }
      queues = [...queues, ...more];
      drifts = [...drifts, ...more.map(() => new Drift())];
      await say();
    },
    correct(provider, change) {
      if (queues.length === 0) return;
      redis.zadd(listOf(provider), 'XX', 'INCR', change, workerId).catch(onError);
    },
    async close() {
      clearInterval(timer);
      if (queues.length === 0) return;
      const last = new Promise<void>((resolve) => {
        onLast = resolve;
        setTimeout(resolve, LAST_WITHIN_MS).unref();
      });
      const removed = queues.map(({ provider }) => redis.zrem(listOf(provider), workerId));
      queues = [];
      drifts = [];
      try {
        await Promise.all([...removed, redis.unlink(sign + workerId)]);
        await redis.spublish(prefix + workerId, LAST);
        await last;
      } catch (error) {
        onError(error as Error);
      }
    },
  };
}

/** The difference between the room that there is and the room that is counted; what is on its way makes it differ for moments. */
class Drift {
  #seen: number[] = [];

  note(difference: number): void {
    this.#seen = [...this.#seen, difference].slice(-LOOKS);
  }

  /** What stayed over all looks; asked for once: it is corrected then. */
  correction(): number {
    if (this.#seen.length < LOOKS) return 0;
    const least = Math.min(...this.#seen);
    const most = Math.max(...this.#seen);
    const lasting = least > 0 ? least : Math.min(most, 0);
    if (lasting !== 0) this.#seen = [];
    return lasting;
  }
}

const LINE_FEED = 0x0a;

/** `<fence> <slice> <trial> <limits> <bytes of the spec>`, a line feed, spec and body; `-` for what there is none of. */
export function readHandedOff(message: Buffer): HandedOff {
  const end = message.indexOf(LINE_FEED);
  const head = message.toString('latin1', 0, end);
  const from = end + 1;
  const to = from + Number(head.slice(head.lastIndexOf(' ') + 1));
  return { ...readGrant(head), spec: message.subarray(from, to), body: message.subarray(to) };
}

/** `<fence> <slice> <trial> <limits>` and what follows. */
export function readGrant(head: string): Pick<HandedOff, 'fence' | 'permit'> {
  const [fence, slice, trial, limits] = head.split(' ') as [string, string, string, string];
  return { fence, permit: slice === '-' ? null : { slice: Number(slice), isTrial: trial === '1', limits } };
}
