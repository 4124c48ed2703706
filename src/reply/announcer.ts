// Sends frames to Redis: appends them to the requests' logs and announces them to one API instance.
//
// One flush sends the pending frames of all requests that share a reply shard and an API instance, as one script call
// and one pub/sub message: at 400 streams this costs a tenth of a call per frame. The next flush waits until the one in flight
// has ended, so a slow Redis leads to larger frames, not to more of them. First bytes and ends do not wait: they are sent at the
// end of the event loop turn in which they arrived.
import type { FrameKind } from '../contracts/frame.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runCall, type ScriptCall } from '../storage/lua-script.ts';
import { isCluster, type RedisClient } from '../storage/redis.ts';

/** How long Redis may refuse writes (out of memory, a failover) before an answer is given up. */
const REFUSED_WRITES_MS = 30_000;
const RETRY_INTERVAL_MS = 200;

export interface OutgoingFrame {
  requestId: string;
  id: string;
  previous: string;
  kind: FrameKind;
  meta: string;
  bytes: Buffer;
  /** How long record and log are kept; only on the frame that ends the request. Milliseconds. */
  retentionMs: number | null;
  /** The body is kept with them: the writer of the response needs it. */
  keepsBody: boolean;
  /** Called once: null if the frame is in the log, else why it never will be. */
  onSettled: (refusal: Refusal | null) => void;
}

/** Why a frame was not stored: another delivery owns the request, or Redis accepted no writes for too long. */
export type Refusal = 'fenced' | 'unavailable';

/** A source of events that are not yet part of a frame. */
export interface FrameSource {
  takeFrame(): OutgoingFrame;
}

export interface Announcer {
  /** The source has events; the next flush takes them as a frame. */
  markDirty(source: FrameSource, isUrgent: boolean): void;
  /** Adds a complete frame. The source's gathered events, if any, must be taken first. */
  add(frame: OutgoingFrame): void;
  /** The source has no more events. */
  markClean(source: FrameSource): void;
  /**
   * Takes back a frame that is not sent yet. Returns the call that publishes it, as part of another script (parse its reply with
   * readRefused); null if it is sent already, or on Redis Cluster.
   */
  withdraw(frame: OutgoingFrame): ScriptCall | null;
}

/** Indexes (from 0) of the refused frames. */
export function readRefused(reply: unknown): ReadonlySet<number> {
  return new Set((reply as number[]).map((index) => index - 1));
}

const publishScript = loadLuaScript(import.meta.url, './publish.lua');

export function createAnnouncer(
  redis: RedisClient,
  keyspace: Keyspace,
  channel: string | null,
  /** Tokens of one stream that arrive within this time share a frame. Read for every flush. */
  gatherMs: () => number,
  onError: (error: Error) => void,
): Announcer {
  const dirty = new Set<FrameSource>();
  const urgent = new Set<FrameSource>();
  let frames: OutgoingFrame[] = [];
  let isFlushing = false;
  let isImmediate = false;
  let isTimed = false;

  function schedule(): void {
    if (isFlushing || isImmediate) return;
    if (frames.length > 0 || urgent.size > 0) {
      isImmediate = true;
      // After the current turn of the event loop, so that everything urgent from this turn is included.
      setImmediate(() => {
        isImmediate = false;
        startFlush(urgent);
      });
    } else if (dirty.size > 0 && !isTimed) {
      isTimed = true;
      setTimeout(() => {
        isTimed = false;
        startFlush(dirty);
      }, gatherMs());
    }
  }

  function startFlush(sources: Set<FrameSource>): void {
    if (isFlushing) return;
    for (const source of sources) {
      frames.push(source.takeFrame());
      dirty.delete(source);
      urgent.delete(source);
    }
    const batch = frames;
    frames = [];
    if (batch.length === 0) return;
    isFlushing = true;
    void send(batch).finally(() => {
      isFlushing = false;
      schedule();
    });
  }

  async function send(batch: OutgoingFrame[]): Promise<void> {
    const call = publishCall(batch);
    const startedAtMs = Date.now();
    for (;;) {
      try {
        const refused = readRefused(await runCall(redis, call));
        for (const [index, frame] of batch.entries()) frame.onSettled(refused.has(index) ? 'fenced' : null);
        return;
      } catch (error) {
        onError(error as Error);
        if (Date.now() - startedAtMs > REFUSED_WRITES_MS) {
          for (const frame of batch) frame.onSettled('unavailable');
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, RETRY_INTERVAL_MS));
      }
    }
  }

  function publishCall(batch: readonly OutgoingFrame[]): ScriptCall {
    const keys = batch.map(({ requestId }) => keyspace.request(requestId).log);
    const args: (string | number | Buffer)[] = [channel ?? ''];
    for (const frame of batch) {
      args.push(
        frame.requestId,
        frame.id,
        frame.previous,
        frame.kind,
        frame.meta,
        frame.bytes,
        frame.retentionMs ?? '',
        frame.keepsBody ? '1' : '',
      );
    }
    return { script: publishScript, keys, args };
  }

  return {
    markDirty(source, isUrgent) {
      (isUrgent ? urgent : dirty).add(source);
      schedule();
    },
    markClean(source) {
      dirty.delete(source);
      urgent.delete(source);
    },
    add(frame) {
      frames.push(frame);
      schedule();
    },
    withdraw(frame) {
      const index = isCluster(redis) ? -1 : frames.indexOf(frame);
      if (index < 0) return null;
      frames.splice(index, 1);
      return publishCall([frame]);
    },
  };
}
