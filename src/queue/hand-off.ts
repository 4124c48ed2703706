// Hands requests to a free worker in the same step that accepts them: no queue, no fetch, no claim. Only if one server has all
// keys. Everything else (no free worker, a stopped worker, a cluster) is queued. A large body is not in the message: its worker
// reads it, since Redis disconnects a subscriber with megabytes of pending output.
//
// A worker lists itself per queue with its room; offer-job.lua, take-job.lua and finish-job.lua keep the count, and this file
// corrects errors in it. The request is sent as a message on the worker's own channel. It has no job but a lease, which its
// worker renews (kept-jobs.ts). If the lease expires, because the worker died or the message was lost with a connection, the next
// sign of life of any worker turns the request into a job (free-workers.lua).
// Why: docs/decisions/2026-11-28-hand-off.md, docs/decisions/2026-11-28-leases.md.
import type { HandedOff } from '../contracts/neighbours.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runCall } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { queueName, STORED_OPTIONS } from './bullmq-layout.ts';

const SIGN_EVERY_MS = 1_000;
/** A worker without a sign of life for this long counts as stopped and gets no requests. */
const SIGN_LASTS_MS = 2_500;
/** So many queues, or a tenth of them if that is more, are checked with each sign; others only if something has changed. */
const FEWEST_CHECKED = 16;
/** A difference seen in this many successive checks is a wrong count, not a message in transit. */
const LOOKS = 3;
/** The last message on the channel, sent by the worker to itself: nothing follows it. */
const LAST = 'last';
const LAST_WITHIN_MS = 1_000;

/** A queue from which requests may be handed to this worker. */
export interface HandOffQueue {
  provider: string;
  /** Number of further jobs that the worker can take. */
  readonly room: number;
}

export interface HandOffDesk {
  /** Starts to accept requests of these queues too. */
  open(queues: readonly HandOffQueue[]): Promise<void>;
  /** Corrects the count after a job began or ended outside the scripts that keep it. */
  correct(provider: string, change: 1 | -1): void;
  /** After this has resolved, nothing is handed over. */
  close(): Promise<void>;
}

export interface HandOffOptions {
  redis: RedisClient;
  /** A connection in the `subscriber` profile, not shared: it carries small bodies. */
  channel: RedisClient;
  keyspace: Keyspace;
  workerId: string;
  receive: (handed: HandedOff) => void;
  /** Called with the number of the provider's requests that lost their worker and became jobs. */
  onLost?: (provider: string, requests: number) => void;
  onError: (error: Error) => void;
}

const freeWorkersScript = loadLuaScript(import.meta.url, './free-workers.lua');

export function createHandOffDesk(options: HandOffOptions): HandOffDesk {
  const { redis, channel, keyspace, workerId, receive, onError } = options;
  const { sign, channel: prefix } = keyspace.handOff;
  const listOf = (provider: string) => keyspace.freeWorkers(queueName(provider, 'interactive'), provider);
  const leasesOf = (provider: string) => keyspace.leases(queueName(provider, 'interactive'), provider);
  let queues: readonly ListedQueue[] = [];
  /** Where the next check begins. */
  let turn = 0;
  let timer: NodeJS.Timeout | undefined;
  let onLast: () => void = () => undefined;

  async function say(): Promise<void> {
    if (queues.length === 0) return;
    const all = queues;
    const due = dueQueues(all);
    const rooms = due.map(({ room }) => room);
    const keys = [
      sign + workerId,
      ...due.map(({ provider }) => listOf(provider)),
      ...all.map(({ provider }) => leasesOf(provider)),
    ];
    const each = due.flatMap(({ drift }, index) => [rooms[index]!, drift.correction()]);
    const args = [workerId, SIGN_LASTS_MS, STORED_OPTIONS, due.length, ...each];
    const reply = await runCall(redis, { script: freeWorkersScript, keys, args });
    const [counted, lost, wasAlive] = reply as [number[], number[], 0 | 1];
    if (wasAlive === 0) for (const { drift } of all) drift.forget();
    for (const [index, { drift }] of due.entries()) drift.note(rooms[index]!, counted[index]!);
    for (let at = 0; at < lost.length; at += 2) options.onLost?.(all[lost[at]! - 1]!.provider, lost[at + 1]!);
  }

  /** All of a few queues; of many, those in which something may have changed, and the next ones in rotation. */
  function dueQueues(all: readonly ListedQueue[]): ListedQueue[] {
    const checked = Math.max(FEWEST_CHECKED, Math.ceil(all.length / 10));
    const from = turn % all.length;
    turn = from + checked;
    return all.filter(
      ({ room, drift }, index) => (index - from + all.length) % all.length < checked || drift.isDue(room),
    );
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
      queues = [...queues, ...more.map((queue) => new ListedQueue(queue))];
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

class ListedQueue implements HandOffQueue {
  readonly #queue: HandOffQueue;
  readonly drift = new Drift();

  constructor(queue: HandOffQueue) {
    this.#queue = queue;
  }

  get provider(): string {
    return this.#queue.provider;
  }

  get room(): number {
    return this.#queue.room;
  }
}

/** Tracks the difference between actual and counted room; messages in transit make the two differ briefly. */
class Drift {
  #seen: number[] = [];
  #room: number | null = null;

  note(room: number, counted: number): void {
    this.#room = room;
    this.#seen = [...this.#seen, room - counted].slice(-LOOKS);
  }

  /** The next sign checks it. */
  forget(): void {
    this.#room = null;
  }

  /** Not listed yet, or the last check found a difference, or the room has changed since. */
  isDue(room: number): boolean {
    return this.#room !== room || this.#seen.at(-1) !== 0;
  }

  /** The difference that all checks had in common, else 0. Resets the checks: the caller applies the correction. */
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

/** `<fence> <slice> <trial> <limits> <bytes of the spec>`, a line feed, spec and body; `-` for a missing field. */
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
