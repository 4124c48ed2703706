// Writes a request's frames to its client's socket. Does not look into them: the worker wrote what the client receives.
//
// A reply is *waiting* (nothing sent: a failure can still have its HTTP status), then *streaming*, then *over*. A stream
// that waits for its turn gets its status and comment lines early, so that no proxy cuts it; a failure after that is
// said in an event.
import { createFailure, type Failure } from '../../contracts/failure.ts';
import { ruleOf } from '../../contracts/failure-table.ts';
import type { Frame, FrameId, HeadMeta } from '../../contracts/frame.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { ClientProtocol } from '../../protocols/protocol.ts';
import type { OpenOptions, ReplySubscriber, ReplySubscription } from '../../reply/subscriber.ts';
import { encodeFailureAnswer } from './failure-answer.ts';
import { cutToResumePoint } from './resume-point.ts';

export interface RelayOptions {
  subscriber: ReplySubscriber;
  keepAliveMs: number;
  /** Another client listens to a reply that has begun. */
  onJoined: (spec: RequestSpec) => void;
  /** The client has its answer (`isOver`), or went away before it was whole. */
  onLeft: (spec: RequestSpec, isOver: boolean) => void;
  /** Nothing can come of it any more: whatever works on it must stop. */
  onHopeless: (spec: RequestSpec, failure: Failure) => void;
  /** The client reads slower than it is answered: its log must not expire under it. */
  onSlowClient: (spec: RequestSpec) => void;
  onOver: (spec: RequestSpec, end: ReplyEnd) => void;
}

export interface ReplyEnd {
  /** `ok`, or the failure's code; `request_cancelled` when the client went away. */
  outcome: string;
  status: number;
  /** The client has all of it. */
  isDelivered: boolean;
  bytes: number;
  /** Unix ms of its answer's first frame; null where none came. */
  begunAtMs: number | null;
}

export interface Relay {
  /** Listens for the reply's frames; call it before anything is queued, or with `joins` at any time after. */
  open(spec: RequestSpec, exchange: Exchange, options?: OpenOptions): Reply;
  readonly openCount: number;
  /** Resolves when no reply is open, at the latest after `limitMs`. */
  whenIdle(limitMs: number): Promise<void>;
  /** Ends the timers; open replies stay as they are. */
  close(): void;
}

/** What a reply is written to: the response of an HTTP request, or a turn of a WebSocket (websocket/turn-sink.ts). */
export interface ReplySink {
  readonly headersSent: boolean;
  readonly statusCode: number;
  readonly destroyed: boolean;
  readonly writableNeedDrain: boolean;
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  flushHeaders(): void;
  /** False: no more until it has drained. */
  write(bytes: Buffer): boolean;
  end(bytes?: Buffer): unknown;
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'close' | 'drain', listener: () => void): unknown;
}

export interface Exchange {
  response: ReplySink;
  client: ClientProtocol;
  /** Sent with every answer of this request. */
  headers: Record<string, string>;
  /** Absent: what the worker wrote, as it stands. */
  view?: StreamView;
}

/** What one client is shown of a stream. Whatever becomes of it is said within the stream. */
export interface StreamView {
  /** Stands before everything. */
  readonly opening: Buffer;
  /** What of the answer's next bytes is shown. */
  pass(bytes: Buffer): Buffer;
  /** The events that end a stream which has failed. */
  end(failure: Failure): Buffer;
}

export interface Reply {
  /** The request is accepted: a stream that has a beginning of its own begins. */
  begin(): void;
  /** Nobody works on the request: answer this and be done. */
  refuse(failure: Failure): void;
  /** Its connection was closed before it was listened to: nobody will be told. */
  isClientGone(): boolean;
  /** Stops listening; the exchange is free for another reply, or for a refusal. */
  release(): void;
}

const TICK_MS = 1_000;
const IDLE_POLL_MS = 50;
/** A worker says itself when a deadline passes; only a reply without any worker is given up here. */
const DEADLINE_GRACE_MS = 5_000;
/** A client that reads slowly may go on after the deadline; one that has stopped reading is cut off. */
const SLOW_CLIENT_GRACE_MS = 300_000;

export function createRelay(options: RelayOptions): Relay {
  const replies = new Set<OpenReply>();
  const timer = setInterval(() => {
    const now = Date.now();
    for (const reply of replies) reply.tick(now);
  }, TICK_MS);
  timer.unref();
  return {
    open(spec, exchange, openOptions = {}) {
      const reply = new OpenReply(options, spec, exchange, openOptions, () => replies.delete(reply));
      replies.add(reply);
      return reply;
    },
    get openCount() {
      return replies.size;
    },
    async whenIdle(limitMs) {
      const untilMs = Date.now() + limitMs;
      while (replies.size > 0 && Date.now() < untilMs) {
        await new Promise((resolve) => setTimeout(resolve, IDLE_POLL_MS));
      }
    },
    close: () => clearInterval(timer),
  };
}

class OpenReply implements Reply {
  readonly #options: RelayOptions;
  readonly #spec: RequestSpec;
  readonly #exchange: Exchange;
  readonly #onClosed: () => void;
  readonly #subscription: ReplySubscription;
  /** The last event that the client had before it came back. */
  #cutAfter: FrameId | null;
  readonly #onSocketClosed = () => this.#leave();
  readonly #onDrain = () => this.#subscription.resume();
  #lastWriteMs = Date.now();
  #bytes = 0;
  #begunAtMs: number | null = null;
  /** Some of the answer was sent, beside keep-alives. */
  #hasAnswered = false;
  #isOver = false;
  #isReleased = false;
  /** Until then nobody can say that nothing comes: something was sent, or the client has just come. */
  #progressAtMs: number;

  constructor(
    options: RelayOptions,
    spec: RequestSpec,
    exchange: Exchange,
    openOptions: OpenOptions,
    onClosed: () => void,
  ) {
    this.#options = options;
    this.#spec = spec;
    this.#exchange = exchange;
    this.#onClosed = onClosed;
    this.#cutAfter = openOptions.after ?? null;
    this.#progressAtMs = openOptions.joins === undefined ? 0 : Date.now();
    this.#subscription = options.subscriber.open(spec.requestId, (frame) => this.#accept(frame), openOptions);
    if (openOptions.joins !== undefined) options.onJoined(spec);
    exchange.response.once('close', this.#onSocketClosed);
    exchange.response.on('drain', this.#onDrain);
  }

  begin(): void {
    const { response, headers, client, view } = this.#exchange;
    if (this.#isOver || view === undefined || response.headersSent) return;
    response.writeHead(200, { ...headers, ...client.streamHeaders });
    response.flushHeaders();
    this.#write(view.opening);
  }

  refuse(failure: Failure): void {
    if (this.#isReleased) this.#answerFailure(failure);
    else this.#fail(failure);
  }

  isClientGone(): boolean {
    return this.#exchange.response.destroyed;
  }

  release(): void {
    this.#isOver = true;
    this.#isReleased = true;
    this.#subscription.close();
    this.#onClosed();
    this.#exchange.response.off('close', this.#onSocketClosed);
    this.#exchange.response.off('drain', this.#onDrain);
  }

  tick(nowMs: number): void {
    const overdueMs = nowMs - Math.max(this.#spec.deadlineAtMs, this.#progressAtMs);
    if (this.#exchange.response.writableNeedDrain) {
      this.#options.onSlowClient(this.#spec);
      if (overdueMs > SLOW_CLIENT_GRACE_MS) this.#exchange.response.destroy();
      return;
    }
    if (overdueMs > DEADLINE_GRACE_MS) return this.#giveUp();
    const isIdle = nowMs - this.#lastWriteMs >= this.#options.keepAliveMs;
    if (this.#spec.isStream && isIdle) this.#sendKeepAlive();
  }

  #accept(whole: Frame): void {
    if (this.#isOver) return;
    this.#progressAtMs = Date.now();
    this.#begunAtMs ??= this.#progressAtMs;
    const frame = this.#shown(whole);
    this.begin();
    switch (frame.kind) {
      case 'head':
        return this.#sendHead(JSON.parse(frame.meta) as HeadMeta, frame.bytes);
      case 'data':
        this.#hasAnswered = true;
        return this.#write(frame.bytes);
      case 'end':
        this.#write(frame.bytes);
        return this.#end(frame.meta);
      case 'fail':
        return this.#failAsSaid(JSON.parse(frame.meta) as Failure);
      case 'fence':
        return;
    }
  }

  #shown(whole: Frame): Frame {
    const after = this.#cutAfter;
    this.#cutAfter = null;
    const bytes = after === null ? whole.bytes : cutToResumePoint(whole, after);
    return { ...whole, bytes: this.#exchange.view?.pass(bytes) ?? bytes };
  }

  #sendHead(meta: HeadMeta, bytes: Buffer): void {
    const { response, headers } = this.#exchange;
    if (meta.isWhole) {
      response.writeHead(meta.status, { ...headers, ...meta.headers, 'content-length': bytes.length });
      this.#bytes += bytes.length;
      response.end(bytes);
      return this.#close({ outcome: 'ok', isDelivered: true });
    }
    if (!response.headersSent) response.writeHead(meta.status, { ...headers, ...meta.headers });
    this.#hasAnswered ||= bytes.length > 0;
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    if (bytes.length === 0) return;
    const { response, client, headers } = this.#exchange;
    // One that comes back has had the head in its first connection.
    if (!response.headersSent) response.writeHead(200, { ...headers, ...client.streamHeaders });
    this.#lastWriteMs = Date.now();
    this.#bytes += bytes.length;
    // A slow client is not buffered for: its frames wait in the log until the socket has drained.
    if (!response.write(bytes)) this.#subscription.pause();
  }

  #end(outcome: string): void {
    const { response, client, headers } = this.#exchange;
    if (!response.headersSent) response.writeHead(200, { ...headers, ...client.streamHeaders });
    response.end();
    this.#close({ outcome, isDelivered: true });
  }

  #failAsSaid(failure: Failure): void {
    // Its worker does not know that frames were lost and goes on.
    if (failure.code === 'stream_interrupted') this.#options.onHopeless(this.#spec, failure);
    this.#fail(failure);
  }

  #fail(failure: Failure): void {
    if (this.#isOver) return;
    this.#answerFailure(failure);
    this.#close({ outcome: failure.code, isDelivered: true });
  }

  #answerFailure(failure: Failure): void {
    const { response, client, headers, view } = this.#exchange;
    const { requestId } = this.#spec;
    if (response.headersSent) {
      response.end(view?.end(failure) ?? client.encodeFailureEvent(failure, requestId, !this.#hasAnswered));
    } else {
      const answer = encodeFailureAnswer(client, failure, requestId);
      response.writeHead(answer.status, { ...headers, ...answer.headers });
      response.end(answer.body);
    }
  }

  /** The status goes out before the answer is known, as late as a proxy's patience allows. */
  #sendKeepAlive(): void {
    this.begin();
    const { before, between } = this.#exchange.client.keepAlive;
    this.#write(this.#hasAnswered ? between : before);
  }

  #giveUp(): void {
    const message = 'No worker answered before the deadline of the request.';
    const failure = createFailure('deadline_passed_waiting', message);
    this.#options.onHopeless(this.#spec, failure);
    this.begin();
    this.#fail(failure);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#close({ outcome: 'request_cancelled', isDelivered: false });
  }

  #close(end: Pick<ReplyEnd, 'outcome' | 'isDelivered'>): void {
    this.#isOver = true;
    this.#subscription.close();
    this.#onClosed();
    this.#options.onLeft(this.#spec, end.isDelivered);
    const { response } = this.#exchange;
    const status = end.isDelivered || response.headersSent ? response.statusCode : ruleOf('request_cancelled').status;
    this.#options.onOver(this.#spec, { ...end, status, bytes: this.#bytes, begunAtMs: this.#begunAtMs });
  }
}
