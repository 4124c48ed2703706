// The receiving end of the reply channel in one API instance: pub/sub delivers frames immediately, the log supplies those that
// pub/sub lost (docs/reference/bullmq-and-ioredis.md section 6). A handler gets every frame exactly once and in order, even
// across lost connections.
//
// The log is read when a frame's `previous` is not the last frame seen, when the subscription is re-established, when a request
// has been silent for a while (a lost *last* frame leaves no visible gap), and when a paused reader resumes.
import { createFailure } from '../contracts/failure.ts';
import {
  compareFrameIds,
  decodeAnnouncement,
  type Frame,
  type FrameId,
  ORIGIN_FRAME,
  parseFrameId,
} from '../contracts/frame.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { isCluster, type RedisClient } from '../storage/redis.ts';
import type { ReplyLog } from './reply-log.ts';

/** Interval at which a listener whose frames are announced elsewhere polls the log. */
const FOLLOW_MS = 100;
/** The log is first read after this much silence; the interval doubles while the silence lasts. */
const SILENCE_MS = 1_000;
const SILENCE_MAX_MS = 8_000;
/** The record of an open request exists long before this much silence; a request without a record was lost. */
const LOST_AFTER_SILENCE_MS = 4_000;
const SILENCE_TICK_MS = 50;
/**
 * Limit of one read from the log, so that a slow reader's answer stays in Redis. A frame may have half a megabyte (fast provider)
 * or a single token (slow provider): the number of frames per read is adapted to their size.
 */
const REPAIR_PAGE_BYTES = 256 * 1024;
const FIRST_PAGE_FRAMES = 8;
const LARGEST_PAGE_FRAMES = 64;

export interface ReplySubscription {
  /** Delivers no frames until `resume`, as while the socket is full. Buffers nothing: the log is the buffer. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface OpenOptions {
  /** Silence before the first read of the log, for replies that take long; default: SILENCE_MS. */
  silenceMs?: number;
  /** The last frame or event that the listener has; delivery starts after it. */
  after?: FrameId;
  /**
   * Joins a reply that another listener opened: its frames so far are read from the log. `elsewhere` if its frames are
   * announced to another instance: then the log is polled at short intervals.
   */
  joins?: 'here' | 'elsewhere';
}

export interface ReplySubscriber {
  /**
   * Must be called before the job is enqueued. `onFrame` must not throw. Frames that Redis lost permanently are replaced by a
   * `fail` frame (`stream_interrupted`); callers should expect nothing after it.
   */
  open(requestId: string, onFrame: (frame: Frame) => void, options?: OpenOptions): ReplySubscription;
  /** Accepts a frame that did not come through pub/sub. */
  receive(frame: Frame): void;
  readonly openCount: number;
  close(): Promise<void>;
}

interface OpenReply {
  requestId: string;
  onFrame: (frame: Frame) => void;
  isRemote: boolean;
  lastId: FrameId;
  isPaused: boolean;
  isClosed: boolean;
  isRepairing: boolean;
  /** A frame arrived that could not be delivered: the log must be read (again). */
  isBehind: boolean;
  silenceMs: number;
  /** Initial value of `silenceMs`; each frame resets it to this. */
  firstSilenceMs: number;
  quietSinceMs: number;
  pageFrames: number;
}

export interface ReplySubscriberOptions {
  /** A connection in the `subscriber` profile; others may listen on it too. */
  connection: RedisClient;
  log: ReplyLog;
  keyspace: Keyspace;
  inbox: string;
  replyShards: number;
  onError: (error: Error) => void;
  onRepair?: (frames: number) => void;
  /** End a request that Redis has lost completely with a `fail` frame, instead of silence until its deadline. */
  endsLost?: boolean;
}

/** Resolves when the channels are subscribed: from then on, no announcement is missed while the connection lasts. */
export async function createReplySubscriber(options: ReplySubscriberOptions): Promise<ReplySubscriber> {
  const { connection, log, keyspace, inbox, replyShards, onError, onRepair, endsLost = false } = options;
  const replies = new Map<string, Set<OpenReply>>();
  let openCount = 0;

  function deliver(reply: OpenReply, frame: Frame): void {
    if (reply.isClosed || compareFrameIds(frame.id, reply.lastId) <= 0) return;
    reply.lastId = frame.id;
    reply.quietSinceMs = Date.now();
    reply.silenceMs = reply.firstSilenceMs;
    reply.onFrame(frame);
  }

  function receive(frame: Frame): void {
    for (const reply of replies.get(frame.requestId) ?? []) receiveFor(reply, frame);
  }

  function receiveFor(reply: OpenReply, frame: Frame): void {
    if (reply.isPaused || reply.isRepairing) {
      reply.isBehind = true;
    } else if (frame.previous === reply.lastId) {
      deliver(reply, frame);
    } else if (compareFrameIds(frame.id, reply.lastId) > 0) {
      repair(reply);
    }
  }

  function repair(reply: OpenReply): void {
    reply.isBehind = true;
    if (reply.isRepairing || reply.isPaused || reply.isClosed) return;
    reply.isRepairing = true;
    void readLog(reply).finally(() => {
      reply.isRepairing = false;
    });
  }

  async function readLog(reply: OpenReply): Promise<void> {
    try {
      while (reply.isBehind && !reply.isPaused && !reply.isClosed) {
        reply.isBehind = false;
        let from = reply.lastId;
        for (;;) {
          const page = await log.readAfter(reply.requestId, from, reply.pageFrames);
          reply.pageFrames = nextPageFrames(reply.pageFrames, page.frames);
          for (const frame of page.frames) deliverFromLog(reply, frame);
          if (page.scannedTo === from || reply.isPaused || reply.isClosed) break;
          from = page.scannedTo;
          onRepair?.(page.frames.length);
        }
      }
    } catch (error) {
      // The silence check retries.
      reply.quietSinceMs = Date.now();
      reply.isBehind = true;
      onError(error as Error);
    }
  }

  function deliverFromLog(reply: OpenReply, frame: Frame): void {
    if (reply.isPaused) reply.isBehind = true;
    else deliver(reply, compareFrameIds(frame.previous, reply.lastId) > 0 ? lostFrame(frame) : frame);
  }

  function repairAll(): void {
    for (const listeners of replies.values()) for (const reply of listeners) repair(reply);
  }

  function breakSilence(reply: OpenReply, now: number): void {
    if (reply.isPaused || now - reply.quietSinceMs < reply.silenceMs) return;
    reply.quietSinceMs = now;
    if (!reply.isRemote)
      reply.silenceMs = Math.min(reply.silenceMs * 2, Math.max(SILENCE_MAX_MS, reply.firstSilenceMs));
    repair(reply);
    if (endsLost && reply.silenceMs >= LOST_AFTER_SILENCE_MS) endIfLost(reply);
  }

  function endIfLost(reply: OpenReply): void {
    log.isGone(reply.requestId).then((isGone) => {
      if (isGone && !reply.isPaused) deliver(reply, lostFrame(frameAfter(reply)));
    }, onError);
  }

  const silenceTimer = setInterval(() => {
    const now = Date.now();
    for (const listeners of replies.values()) for (const reply of listeners) breakSilence(reply, now);
  }, SILENCE_TICK_MS);
  silenceTimer.unref();

  const channels = Array.from({ length: replyShards }, (_, shard) => keyspace.replyChannel(shard, inbox));
  connection.on('smessageBuffer', (channel: Buffer, message: Buffer) => {
    if (!channels.includes(channel.toString())) return;
    try {
      for (const frame of decodeAnnouncement(message)) receive(frame);
    } catch (error) {
      onError(error as Error);
    }
  });
  // `ready` is emitted before the channels are subscribed again; a command sent after it is answered after that.
  connection.on('ready', () => {
    if (isCluster(connection)) repairAll();
    else connection.ping().then(repairAll, onError);
  });
  await Promise.all(channels.map((channel) => connection.ssubscribe(channel)));

  return {
    open(requestId, onFrame, { after = ORIGIN_FRAME, joins, silenceMs = SILENCE_MS } = {}) {
      const isRemote = joins === 'elsewhere';
      const firstSilenceMs = isRemote ? FOLLOW_MS : silenceMs;
      const reply: OpenReply = {
        requestId,
        onFrame,
        isRemote,
        lastId: after,
        isPaused: false,
        isClosed: false,
        isRepairing: false,
        isBehind: false,
        silenceMs: firstSilenceMs,
        firstSilenceMs,
        quietSinceMs: Date.now(),
        pageFrames: FIRST_PAGE_FRAMES,
      };
      const listeners = replies.get(requestId) ?? new Set();
      replies.set(requestId, listeners.add(reply));
      openCount += 1;
      if (joins !== undefined) repair(reply);
      return {
        pause() {
          reply.isPaused = true;
        },
        resume() {
          if (!reply.isPaused) return;
          reply.isPaused = false;
          repair(reply);
        },
        close() {
          if (reply.isClosed) return;
          reply.isClosed = true;
          openCount -= 1;
          listeners.delete(reply);
          if (listeners.size === 0 && replies.get(requestId) === listeners) replies.delete(requestId);
        },
      };
    },
    receive,
    get openCount() {
      return openCount;
    },
    async close() {
      clearInterval(silenceTimer);
      connection.disconnect();
    },
  };
}

/** An empty frame at the position of the next one. */
function frameAfter({ requestId, lastId }: OpenReply): Frame {
  const { attempt, sequence } = parseFrameId(lastId);
  const id = `${attempt}-${sequence + 1}`;
  return { requestId, id, previous: lastId, kind: 'data', meta: '', bytes: Buffer.alloc(0) };
}

/**
 * Replaces a frame whose predecessor is neither in pub/sub nor in the log: Redis lost it (a crash after its last fsync, a
 * failover). What follows must not be taken for the rest of the answer.
 */
function lostFrame(frame: Frame): Frame {
  const failure = createFailure('stream_interrupted', 'A part of this response was lost in an outage of Redis.');
  return { ...frame, kind: 'fail', meta: JSON.stringify(failure), bytes: Buffer.alloc(0) };
}

function nextPageFrames(pageFrames: number, frames: readonly Frame[]): number {
  const bytes = frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
  if (bytes <= REPAIR_PAGE_BYTES) return Math.min(LARGEST_PAGE_FRAMES, pageFrames * 2);
  return Math.max(1, Math.floor((frames.length * REPAIR_PAGE_BYTES) / bytes));
}
