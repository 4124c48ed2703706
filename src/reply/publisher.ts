// Sends answers to their clients: one writer per delivery, and one announcer per API instance and shard that has writers.

import type { Failure } from '../contracts/failure.ts';
import type { Frame, FrameKind, HeadMeta } from '../contracts/frame.ts';
import { shardOf } from '../contracts/ids.ts';
import type { Neighbours } from '../contracts/neighbours.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { ScriptCall } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import {
  type Announcer,
  createAnnouncer,
  type FrameSource,
  type OutgoingFrame,
  type Refusal,
  readRefused,
} from './announcer.ts';
import type { WriteGrant } from './claim.ts';

/** How long tokens are gathered from this event loop utilization up, busiest first. */
const GATHER: readonly { from: number; ms: number }[] = [
  { from: 0.7, ms: 40 },
  { from: 0.5, ms: 20 },
  { from: 0.3, ms: 10 },
  { from: 0, ms: 4 },
];
/** Short: when many streams begin at once, the first quarter of a second decides how long the last one waits. */
const UTILIZATION_SAMPLE_MS = 50;

export interface Publisher {
  open(options: ReplyWriterOptions): ReplyWriter;
}

/**
 * @param needsBody whether the body of a request with this outcome is still needed, apart from `keepsBody`.
 * @param neighbours the API in this process, which gets its frames directly once they are in the log.
 */
export function createPublisher(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
  needsBody: (spec: ReplyWriterOptions['spec'], outcome: string) => boolean = () => false,
  neighbours: Neighbours | null = null,
): Publisher {
  const announcers = new Map<string, { announcer: Announcer; writers: number }>();
  const gatherMs = createGatherClock();
  const deliverNear = (frame: Frame) => neighbours?.deliver?.(frame);

  function acquireAnnouncer(channel: string, isNear: boolean): Announcer {
    let entry = announcers.get(channel);
    if (entry === undefined) {
      entry = { announcer: createAnnouncer(redis, keyspace, isNear ? null : channel, gatherMs, onError), writers: 0 };
      announcers.set(channel, entry);
    }
    entry.writers += 1;
    return entry.announcer;
  }

  /** API instances come and go; an announcer is removed with its last writer. */
  function releaseAnnouncer(channel: string): void {
    const entry = announcers.get(channel);
    if (entry === undefined) return;
    entry.writers -= 1;
    if (entry.writers === 0) announcers.delete(channel);
  }

  return {
    open(options) {
      const channel = keyspace.replyChannel(shardOf(options.spec.requestId), options.spec.inbox);
      const deliver = options.spec.inbox === neighbours?.instanceId ? deliverNear : null;
      return new AttemptWriter(options, acquireAnnouncer(channel, deliver !== null), {
        deliver,
        onClosed: () => releaseAnnouncer(channel),
        needsBody: (outcome) => needsBody(options.spec, outcome),
      });
    },
  };
}

/**
 * How long tokens are gathered before they are sent: a few milliseconds, which users do not notice; longer while this process is
 * busy, since two tokens in one frame cost half of two frames, also in Redis and in the API process. At 40 ms a text still grows
 * 25 times a second.
 */
function createGatherClock(): () => number {
  let last = performance.eventLoopUtilization();
  let lastMs = performance.now();
  let utilization = 0;
  return () => {
    const nowMs = performance.now();
    if (nowMs - lastMs > UTILIZATION_SAMPLE_MS) {
      const now = performance.eventLoopUtilization();
      utilization = performance.eventLoopUtilization(now, last).utilization;
      last = now;
      lastMs = nowMs;
    }
    return GATHER.find(({ from }) => utilization >= from)!.ms;
  };
}

// The frames of one delivery: numbers its events, gathers them, and passes them to the announcer of the API instance that
// holds the connection. The first bytes of an answer and its end are sent immediately.

/** With more bytes than this in flight to Redis, a stream's attempt stops reading from the provider. */
const WRITER_HIGH_WATER_BYTES = 512 * 1024;

/** No method blocks; `settled` resolves when everything is in Redis. */
export interface ReplyWriter {
  readonly attempt: number;
  /** The client may have received a status: only bytes, an end, or an error event can follow. */
  readonly hasAnswered: boolean;
  /** Number of frames that this delivery has made. */
  readonly frames: number;
  /** Sent together with the first event. */
  head(meta: HeadMeta): void;
  /**
   * One client-visible event (or piece of a body); numbered.
   * @param showsId precede it with an `id:` line that has its number in the log: `<attempt>-<seq>`.
   */
  event(bytes: Buffer, showsId?: boolean): void;
  /** A complete answer in a single frame. */
  whole(meta: HeadMeta, body: Buffer): void;
  /**
   * Takes back a complete answer that is not sent yet, to be published by another script; null if it is sent already, or if one
   * script cannot do both. The caller must pass that script's reply for this call to `published`.
   */
  takeWhole(): { call: ScriptCall; published(reply: unknown): void } | null;
  /** @param outcome `ok`, or the code of the failure that the last event reports. */
  end(outcome: string): void;
  fail(failure: Failure): void;
  /** Numbers what follows under the owner's next attempt. */
  beginAttempt(grant: Pick<WriteGrant, 'attempt' | 'fenceSequence'>): void;
  /** Ends the writer without an end frame. Does nothing after an end; may be called twice. */
  abandon(): void;
  /** False while so many bytes are in flight to Redis that the caller should stop reading from the provider. */
  readonly isReady: boolean;
  /** Resolves when `isReady`. */
  ready(): Promise<void>;
  /** Resolves when everything written is in Redis or was refused. */
  settled(): Promise<void>;
}

export interface ReplyWriterOptions {
  spec: Pick<RequestSpec, 'requestId' | 'inbox'>;
  grant: WriteGrant;
  hasAnswered: boolean;
  /** How long record and log are kept after the end. Milliseconds. */
  retentionMs: number;
  /** The body is kept with them. Absent: the end removes it. */
  keepsBody?: boolean;
  /** The writer lost the request, or Redis accepted no writes for too long: stop the provider call. Called at most once. */
  onRefused: (refusal: Refusal) => void;
}

export interface WriterHooks {
  /** Called once. */
  onClosed(): void;
  needsBody(outcome: string): boolean;
  /** Receives each frame that is in the log; null: frames are announced instead. */
  deliver: ((frame: Frame) => void) | null;
}

export class AttemptWriter implements ReplyWriter, FrameSource {
  readonly #options: ReplyWriterOptions;
  #attempt: number;
  readonly #announcer: Announcer;
  readonly #hooks: WriterHooks;
  #sequence: number;
  #lastId: string;
  #hasAnswered: boolean;
  #isRefused = false;
  #isClosed = false;
  #isFirstEvent = true;
  /** Head that is held back until the first event. */
  #head: HeadMeta | null = null;
  /** The frame of a complete answer. */
  #whole: OutgoingFrame | null = null;
  /** Events that are not yet part of a frame. */
  #gathered: Buffer[] = [];
  #backlogBytes = 0;
  #frames = 0;
  #unsettledFrames = 0;
  #waiters: (() => void)[] = [];

  constructor(options: ReplyWriterOptions, announcer: Announcer, hooks: WriterHooks) {
    this.#options = options;
    this.#announcer = announcer;
    this.#hooks = hooks;
    this.#attempt = options.grant.attempt;
    this.#sequence = options.grant.fenceSequence;
    this.#lastId = options.grant.previous;
    this.#hasAnswered = options.hasAnswered;
  }

  get attempt(): number {
    return this.#attempt;
  }

  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  get frames(): number {
    return this.#frames;
  }

  head(meta: HeadMeta): void {
    this.#hasAnswered = true;
    this.#head = meta;
  }

  event(bytes: Buffer, showsId = false): void {
    if (showsId) this.#add(Buffer.from(`id: ${this.#attempt}-${this.#sequence + 1}\n`, 'latin1'));
    this.#gather(bytes);
    this.#announcer.markDirty(this, this.#isFirstEvent);
    this.#isFirstEvent = false;
  }

  whole(meta: HeadMeta, body: Buffer): void {
    this.#hasAnswered = true;
    this.#gather(body);
    this.#whole = this.#finish('head', JSON.stringify(meta), 'ok');
  }

  takeWhole() {
    const frame = this.#whole;
    this.#whole = null;
    const call = frame && this.#announcer.withdraw(frame);
    if (!frame || !call) return null;
    const published = (reply: unknown) => frame.onSettled(readRefused(reply).has(0) ? 'fenced' : null);
    return { call, published };
  }

  end(outcome: string): void {
    // A frame has one kind: a pending head is sent first.
    if (this.#head !== null) this.#announcer.add(this.takeFrame());
    this.#finish('end', outcome, outcome);
  }

  fail(failure: Failure): void {
    this.#finish('fail', JSON.stringify(failure), failure.code);
  }

  beginAttempt({ attempt, fenceSequence }: Pick<WriteGrant, 'attempt' | 'fenceSequence'>): void {
    this.#attempt = attempt;
    this.#sequence = fenceSequence;
  }

  abandon(): void {
    if (this.#isClosed) return;
    this.#announcer.markClean(this);
    // Gathered events are dropped: another delivery sends them.
    for (const bytes of this.#gathered) this.#backlogBytes -= bytes.length;
    this.#gathered = [];
    this.#close();
    this.#wakeWaiters();
  }

  get isReady(): boolean {
    return this.#backlogBytes < WRITER_HIGH_WATER_BYTES || this.#isRefused;
  }

  ready(): Promise<void> {
    return this.#until(() => this.isReady);
  }

  settled(): Promise<void> {
    return this.#until(() => this.#unsettledFrames === 0 && this.#gathered.length === 0);
  }

  takeFrame(): OutgoingFrame {
    if (this.#head === null) return this.#frame('data', '', null);
    const meta = JSON.stringify(this.#head);
    this.#head = null;
    return this.#frame('head', meta, null);
  }

  #gather(bytes: Buffer): void {
    this.#add(bytes);
    this.#sequence += 1;
  }

  #add(bytes: Buffer): void {
    this.#gathered.push(bytes);
    this.#backlogBytes += bytes.length;
  }

  #finish(kind: FrameKind, meta: string, outcome: string): OutgoingFrame {
    this.#announcer.markClean(this);
    const keepsBody = this.#options.keepsBody === true || this.#hooks.needsBody(outcome);
    const frame = { ...this.#frame(kind, meta, this.#options.retentionMs), keepsBody };
    this.#announcer.add(frame);
    this.#close();
    return frame;
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#hooks.onClosed();
  }

  /** Makes one frame of the gathered events; its id is the number of the last one. */
  #frame(kind: FrameKind, meta: string, retentionMs: number | null): OutgoingFrame {
    if (this.#gathered.length === 0) this.#sequence += 1;
    const bytes = this.#gathered.length === 1 ? this.#gathered[0]! : Buffer.concat(this.#gathered);
    const id = `${this.#attempt}-${this.#sequence}`;
    const previous = this.#lastId;
    this.#gathered = [];
    this.#lastId = id;
    this.#frames += 1;
    this.#unsettledFrames += 1;
    const { requestId } = this.#options.spec;
    const frame = { requestId, id, previous, kind, meta, bytes };
    const onSettled = (refusal: Refusal | null) => {
      if (refusal === null) this.#hooks.deliver?.(frame);
      this.#onSettled(bytes.length, refusal);
    };
    return { ...frame, retentionMs, keepsBody: false, onSettled };
  }

  #onSettled(byteLength: number, refusal: Refusal | null): void {
    this.#unsettledFrames -= 1;
    this.#backlogBytes -= byteLength;
    if (refusal !== null && !this.#isRefused) {
      this.#isRefused = true;
      this.#options.onRefused(refusal);
    }
    this.#wakeWaiters();
  }

  #wakeWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async #until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}
