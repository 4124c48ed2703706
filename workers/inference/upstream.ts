// HTTP to the vendors: one pool of connections per provider. Callbacks rather than streams: at 30,000 chunks a second an
// async iterator per chunk costs more than the rest of the relay.
import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, Pool } from 'undici';
import type { Provider } from '#src/config/catalogue.ts';
import type { MaskedPieces } from '#src/contracts/secret-mask.ts';
import type { UpstreamRequest } from '#src/protocols/prepare-call.ts';

export interface UpstreamEvents {
  onHead(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  onEnd(): void;
  /** Also after `abort`, with the reason given there. Nothing follows it. */
  onError(error: Error): void;
}

export interface UpstreamCall {
  /** The request has a connection: from here on the vendor may have it. */
  readonly isSent: boolean;
  /** Closes the connection: the vendor sees it at once and stops generating. Safe to call twice. */
  abort(reason: Error): void;
  pause(): void;
  resume(): void;
}

export interface Upstream {
  send(provider: Provider, request: UpstreamRequest, attemptId: string, events: UpstreamEvents): UpstreamCall;
  close(): Promise<void>;
}

/** Idle connections are kept so long (unless the vendor says less): a new TLS handshake costs a fifth of a second. */
const KEEP_ALIVE_MS = 20_000;
const USER_AGENT = 'sluice';

export function createUpstream(): Upstream {
  const pools = new Map<string, Pool>();

  function poolOf(provider: Provider): Pool {
    const { origin } = new URL(provider.baseUrl);
    const key = `${provider.name} ${origin}`;
    let pool = pools.get(key);
    if (pool === undefined) {
      pool = new Pool(origin, {
        // Deadlines are the attempt's own (attempt-clock.ts): exact, and apart for first byte, silence and total.
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: { timeout: provider.timeouts.connectMs },
        keepAliveTimeout: KEEP_ALIVE_MS,
        // One call per connection: aborting it is a closed socket, which every vendor understands.
        pipelining: 1,
        allowH2: false,
      });
      pools.set(key, pool);
    }
    return pool;
  }

  return {
    send(provider, request, attemptId, events) {
      const { pathname } = new URL(provider.baseUrl);
      const headers = {
        ...request.headers,
        ...provider.headers,
        'user-agent': USER_AGENT,
        // OpenAI logs it with the call; others ignore it (../shared/reference/openai-chat.md section 1).
        'x-client-request-id': attemptId,
      };
      const path = joinPaths(pathname, request.path);
      const call = new PooledCall(withoutSecrets(provider, events));
      poolOf(provider).dispatch({ method: request.method, path, headers, body: request.body }, call);
      return call;
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
    },
  };
}

/** Providers quote the key they were sent: it leaves their answers here, before anything reads, relays or keeps them. */
function withoutSecrets({ secrets }: Provider, events: UpstreamEvents): UpstreamEvents {
  let pieces: MaskedPieces | null = null;
  return {
    onHead(status, headers) {
      pieces = (status < 300 ? secrets.ofAnswers : secrets.ofFailures).open();
      events.onHead(status, headers);
    },
    onData(chunk) {
      const masked = pieces === null ? chunk : pieces.push(chunk);
      if (masked.length > 0) events.onData(masked);
    },
    onEnd() {
      const rest = pieces?.end();
      if (rest !== undefined && rest.length > 0) events.onData(rest);
      events.onEnd();
    },
    onError: events.onError,
  };
}

/** A version segment that ends the base URL and begins the path stands once: people write both forms. */
export function joinPaths(base: string, path: string): string {
  const lastSegment = base.slice(base.lastIndexOf('/'));
  const isRepeated = lastSegment.length > 1 && path.startsWith(`${lastSegment}/`);
  return (base === '/' ? '' : base) + (isRepeated ? path.slice(lastSegment.length) : path);
}

class PooledCall implements UpstreamCall, Dispatcher.DispatchHandler {
  readonly #events: UpstreamEvents;
  #controller: Dispatcher.DispatchController | null = null;
  #abortReason: Error | null = null;
  #isOver = false;

  constructor(events: UpstreamEvents) {
    this.#events = events;
  }

  get isSent(): boolean {
    return this.#controller !== null;
  }

  abort(reason: Error): void {
    if (this.#isOver || this.#abortReason !== null) return;
    this.#abortReason = reason;
    if (this.#controller !== null) this.#controller.abort(reason);
    else {
      // Still waiting for a connection: there is nothing to close, and nothing will be sent.
      this.#isOver = true;
      queueMicrotask(() => this.#events.onError(reason));
    }
  }

  pause(): void {
    this.#controller?.pause();
  }

  resume(): void {
    this.#controller?.resume();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#abortReason !== null) controller.abort(this.#abortReason);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    // 1xx answers come before the real one.
    if (!this.#isOver && status >= 200) this.#events.onHead(status, headers);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#isOver) this.#events.onData(chunk);
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onEnd();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onError(this.#abortReason ?? error);
  }
}
