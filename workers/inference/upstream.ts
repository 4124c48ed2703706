// HTTP to the providers: one connection pool per provider. Callbacks rather than streams: at 30,000 chunks per second an async
// iterator costs more than the rest of the relay.
import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import { type Dispatcher, Pool } from 'undici';
import type { Provider } from '#src/config/catalogue.ts';
import { ContentUnreadable, createContentDecoder } from '#src/http/content-decoding.ts';
import { maskEvents } from '#src/http/mask-answer.ts';
import type { UpstreamRequest } from '#src/protocols/call/prepare-call.ts';

export interface UpstreamEvents {
  onHead(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** Also after `abort`, with the reason given there. Nothing follows it. */
  onError(error: Error): void;
}

export interface UpstreamCall {
  /** The request has a connection: the provider may have received it. */
  readonly isSent: boolean;
  /** Closes the connection: the provider notices immediately and stops generating. Safe to call twice. */
  abort(reason: Error): void;
  /** The answer is complete: no more events are reported. The connection is closed unless the provider ends the answer soon. */
  letGo(): void;
  pause(): void;
  resume(): void;
}

export interface Upstream {
  send(provider: Provider, request: UpstreamRequest, attemptId: string, events: UpstreamEvents): UpstreamCall;
  close(): Promise<void>;
}

/** How long idle connections are kept (unless the provider announces less): a TLS handshake costs a fifth of a second. */
const KEEP_ALIVE_MS = 20_000;
const USER_AGENT = 'sluice';

export function createUpstream(): Upstream {
  const pools = new Map<string, Pool>();
  /** By object identity: providers of the configuration are replaced, not mutated. */
  const places = new WeakMap<Provider, { pool: Pool; pathname: string }>();

  function placeOf(provider: Provider) {
    let place = places.get(provider);
    if (place === undefined) {
      const { origin, pathname } = new URL(provider.baseUrl);
      place = { pool: poolOf(provider, origin), pathname };
      places.set(provider, place);
    }
    return place;
  }

  function poolOf(provider: Provider, origin: string): Pool {
    const key = `${provider.name} ${origin}`;
    let pool = pools.get(key);
    if (pool === undefined) {
      pool = new Pool(origin, {
        // The attempt has its own deadlines (attempt-clock.ts): exact, and separate for first byte, silence and total.
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: { timeout: provider.timeouts.connectMs },
        keepAliveTimeout: KEEP_ALIVE_MS,
        // One call per connection: aborting it closes the socket, which every provider understands.
        pipelining: 1,
        allowH2: false,
      });
      pools.set(key, pool);
    }
    return pool;
  }

  return {
    send(provider, request, attemptId, events) {
      const { pool, pathname } = placeOf(provider);
      const headers: Record<string, string> = { ...request.headers };
      Object.assign(headers, provider.headers);
      headers['user-agent'] = USER_AGENT;
      // Without it a server may use any encoding (RFC 9110 section 12.5.3).
      headers['accept-encoding'] = 'identity';
      // OpenAI logs it with the call; others ignore it (docs/reference/openai-chat.md section 1).
      headers['x-client-request-id'] = attemptId;
      const path = joinPaths(pathname, request.path);
      const call = new PooledCall(maskEvents(provider.secrets, events));
      pool.dispatch({ method: request.method, path, headers, body: request.body }, call);
      return call;
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

/** A version segment that ends the base URL and also begins the path is kept once: both forms are in use. */
export function joinPaths(base: string, path: string): string {
  const lastSegment = base.slice(base.lastIndexOf('/'));
  const isRepeated = lastSegment.length > 1 && path.startsWith(`${lastSegment}/`);
  return (base === '/' ? '' : base) + (isRepeated ? path.slice(lastSegment.length) : path);
}

/**
 * One call. If the answer is encoded, its data passes through a decoder; then the answer ends when the decoder ends, and the
 * decoder's backpressure applies to the connection.
 */
class PooledCall implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #events: UpstreamEvents;
  #controller: Dispatcher.DispatchController | null = null;
  #decoder: Transform | null = null;
  #abortReason: Error | null = null;
  /** No more events are reported. */
  #isOver = false;
  /** Nothing more is received over the connection. */
  #hasEnded = false;

  constructor(events: UpstreamEvents) {
    this.#events = events;
  }

  get isSent(): boolean {
    return this.#controller !== null;
  }

  abort(reason: Error): void {
    if (this.#isOver || this.#abortReason !== null) return;
    this.#abortReason = reason;
    this.#decoder?.destroy();
    if (this.#hasEnded) this.#end(() => this.#events.onError(reason));
    else if (this.#controller !== null) this.#controller.abort(reason);
    // Still waiting for a connection: nothing to close, and nothing will be sent.
    else queueMicrotask(() => this.#end(() => this.#events.onError(reason)));
  }

  letGo(): void {
    if (this.#hasEnded) return;
    this.#isOver = true;
    this.#decoder?.destroy();
    this.#controller?.resume();
    const timer = setTimeout(() => this.#controller?.abort(LEFT_OPEN), LET_GO_MS);
    this.#onEnded = () => clearTimeout(timer);
    timer.unref();
  }

  pause(): void {
    if (this.#decoder === null) this.#controller?.pause();
    else this.#decoder.pause();
  }

  resume(): void {
    if (this.#decoder === null) this.#controller?.resume();
    else this.#decoder.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortReason !== null) controller.abort(this.#abortReason);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx answers come before the real one.
    if (this.#isOver || status < 200) return;
    try {
      this.#decoder = this.#decode(createContentDecoder(headers['content-encoding']));
    } catch (error) {
      return controller.abort(error as Error);
    }
    this.#events.onHead(status, headers);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#decoder === null) this.#events.onData(chunk);
    else if (!this.#decoder.write(chunk)) controller.pause();
  }

  onResponseEnd(): void {
    this.#hasEnded = true;
    this.#onEnded?.();
    if (this.#decoder === null || this.#isOver) this.#end(() => this.#events.onEnd());
    else this.#decoder.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#hasEnded = true;
    this.#onEnded?.();
    this.#decoder?.destroy();
    this.#end(() => this.#events.onError(this.#abortReason ?? error));
  }

  #onEnded: (() => void) | null = null;

  #end(tell: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    tell();
  }

  #decode(decoder: Transform | null): Transform | null {
    decoder?.on('data', (bytes: Buffer) => {
      if (!this.#isOver) this.#events.onData(bytes);
    });
    decoder?.on('drain', () => this.#controller?.resume());
    decoder?.once('end', () => this.#end(() => this.#events.onEnd()));
    decoder?.once('error', (error) => {
      const unreadable = new ContentUnreadable(`its content-encoding cannot be decoded: ${error.message}`);
      if (!this.#hasEnded) this.#controller?.abort(unreadable);
      this.#end(() => this.#events.onError(this.#abortReason ?? unreadable));
    });
    return decoder;
  }
}

/** After its answer is complete, a connection is read for this much longer, so that it can be reused. */
const LET_GO_MS = 1_000;
const LEFT_OPEN = new Error('the provider did not close its response');
