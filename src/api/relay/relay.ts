// Writes a request's frames to its client's socket. Frames are not parsed: the worker wrote them in the client's format.
//
// A reply is *waiting* (nothing sent: a failure can still have its own HTTP status), then *streaming*, then *over*. A stream
// that waits long gets its status and comments early, so that no proxy cuts the connection; a failure after that is sent as
// an event.
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
  /** Another client has joined a reply. */
  onJoined: (spec: RequestSpec) => void;
  /** The client has the whole answer (`isOver`), or has disconnected before. */
  onLeft: (spec: RequestSpec, isOver: boolean) => void;
  /** The reply is given up: the request must be cancelled. */
  onHopeless: (spec: RequestSpec, failure: Failure) => void;
  /** The client reads more slowly than the answer arrives: its log must not expire meanwhile. */
  onSlowClient: (spec: RequestSpec) => void;
  onOver: (spec: RequestSpec, end: ReplyEnd) => void;
}

export interface ReplyEnd {
  /** `ok`, or the failure's code; `request_cancelled` if the client disconnected. */
  outcome: string;
  status: number;
  /** The client has received all of it. */
  isDelivered: boolean;
  bytes: number;
  /** Unix ms of the answer's first frame; null if there was none. */
  begunAtMs: number | null;
}

export interface Relay {
  /** Listens for the reply's frames. Call it before the job is queued, or later with `joins`. */
  open(spec: RequestSpec, exchange: Exchange, options?: OpenOptions): Reply;
  readonly openCount: number;
  /** Resolves when no reply is open, or after `limitMs`. */
  whenIdle(limitMs: number): Promise<void>;
  /** Stops the timers; open replies are not changed. */
  close(): void;
}

/** What a reply is written to: an HTTP response, or a WebSocket turn (websocket/turn-sink.ts). */
export interface ReplySink {
  readonly headersSent: boolean;
  readonly statusCode: number;
  readonly destroyed: boolean;
  readonly writableNeedDrain: boolean;
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  flushHeaders(): void;
  /** False: write nothing more until `drain`. */
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
  /** Headers of every answer to this request. */
  headers: Record<string, string>;
  /** Absent: the worker's bytes are sent unchanged. */
  view?: StreamView;
}

/** How one client sees a stream. Failures are reported within the stream. */
export interface StreamView {
  /** Sent first. */
  readonly opening: Buffer;
  /** Returns what the client is sent of the next bytes. */
  pass(bytes: Buffer): Buffer;
  /** The events that end a failed stream. */
  end(failure: Failure): Buffer;
}

export interface Reply {
  /** The request has been accepted: starts a stream that the broker opens itself. */
  begin(): void;
  /** The request was not accepted: sends this failure and ends the reply. */
  refuse(failure: Failure): void;
  /** Whether the connection was closed before anything was listened to; there is no `close` event then. */
  isClientGone(): boolean;
  /** Stops listening, so that the exchange can be used for another reply or a refusal. */
  release(): void;
}

const TICK_MS = 1_000;
const IDLE_POLL_MS = 50;
/** Workers enforce deadlines themselves; this one is for replies that no worker answers. */
const DEADLINE_GRACE_MS = 5_000;
/** A slow reader may continue after the deadline; a client that has stopped reading is disconnected. */
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
  /** The last event that the client had before it reconnected. */
  #cutAfter: FrameId | null;
  readonly #onSocketClosed = () => this.#leave();
  readonly #onDrain = () => this.#subscription.resume();
  #lastWriteMs = Date.now();
  #bytes = 0;
  #begunAtMs: number | null = null;
  /** Part of the answer was sent, not only keep-alives. */
  #hasAnswered = false;
  #isOver = false;
  #isReleased = false;
  /** Time of the last progress: something was sent, or the client has just joined. */
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
    const { view } = this.#exchange;
    if (after === null && view === undefined) return whole;
    const bytes = after === null ? whole.bytes : cutToResumePoint(whole, after);
    return { ...whole, bytes: view?.pass(bytes) ?? bytes };
  }

  #sendHead(meta: HeadMeta, bytes: Buffer): void {
    const { response, headers } = this.#exchange;
    if (meta.isWhole) {
      const all: Record<string, string | number> = { ...headers, ...meta.headers };
      all['content-length'] = bytes.length;
      response.writeHead(meta.status, all);
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
    // After a reconnect the `head` frame has already been consumed.
    if (!response.headersSent) response.writeHead(200, { ...headers, ...client.streamHeaders });
    this.#lastWriteMs = Date.now();
    this.#bytes += bytes.length;
    // Nothing is buffered for a slow client: its frames stay in the log until the socket has drained.
    if (!response.write(bytes)) this.#subscription.pause();
  }

  #end(outcome: string): void {
    const { response, client, headers } = this.#exchange;
    if (!response.headersSent) response.writeHead(200, { ...headers, ...client.streamHeaders });
    response.end();
    this.#close({ outcome, isDelivered: true });
  }

  #failAsSaid(failure: Failure): void {
    // Its worker does not know that frames were lost, and is still running.
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

  /** Sends the status before the answer is known, as late as proxies' timeouts allow. */
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
