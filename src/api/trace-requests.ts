// The API's spans of a request: the root span from the first byte of the request to the last of its answer, and its children for
// admission and for the relay of the answer.
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { RequestSpec } from '../contracts/request-record.ts';
import { readTraceHeaders, type TraceContext } from '../contracts/trace-context.ts';
import { ATTRIBUTES } from '../telemetry/semantic-conventions.ts';
import type { OpenSpan, Tracing } from '../telemetry/tracing.ts';
import type { ReplyEnd } from './relay/relay.ts';

export interface RequestTracing {
  /** Adds a span to every request of these routes, refused ones included. */
  follow(app: FastifyInstance): void;
  /** The request has been read; returns the context for the workers' spans. */
  accept(
    headers: IncomingHttpHeaders,
    spec: Pick<RequestSpec, 'requestId' | 'model' | 'lane' | 'protocol'>,
  ): TraceContext;
  /** The request was passed to the workers. */
  admitted(spec: RequestSpec): void;
  over(spec: RequestSpec, end: ReplyEnd): void;
}

/** Polled constantly by load balancers and operators; not traced. */
const UNTRACED = /^\/(healthz|health|readyz|metrics|admin|openapi\.json)\b/;
/** More than a process has connections. */
const MAX_OPEN = 100_000;

interface OpenRequest {
  span: OpenSpan;
  startedAtMs: number;
  requestId: string | null;
}

export function createRequestTracing(tracing: Tracing): RequestTracing {
  const arrived = new WeakMap<IncomingHttpHeaders, OpenRequest>();
  /** One per open HTTP request or WebSocket turn. */
  const accepted = new Map<string, OpenRequest>();

  /** For WebSocket turns, which have no HTTP request. */
  function beginTurn(headers: IncomingHttpHeaders, protocol: string): OpenRequest {
    const parent = readTraceHeaders(headers);
    const attributes = { [ATTRIBUTES.httpRoute]: protocol };
    const span = tracing.start(`${protocol} turn`, { kind: 'server', parent, attributes });
    return { span, startedAtMs: Date.now(), requestId: null };
  }

  function close(headers: IncomingHttpHeaders, status: number): void {
    const { span, requestId } = arrived.get(headers)!;
    if (requestId !== null) accepted.delete(requestId);
    const error = status >= 500 ? String(status) : undefined;
    span.end({ error, attributes: { [ATTRIBUTES.httpStatus]: status } });
  }

  return {
    follow(app) {
      app.addHook('onRequest', async (request, reply) => {
        const { url } = request.routeOptions;
        if (UNTRACED.test(url ?? '') || request.headers.upgrade !== undefined) return;
        const name = url === undefined ? request.method : `${request.method} ${url}`;
        const attributes = { [ATTRIBUTES.httpMethod]: request.method, [ATTRIBUTES.httpRoute]: url };
        const parent = readTraceHeaders(request.headers);
        const startMs = Date.now();
        const span = tracing.start(name, { kind: 'server', parent, attributes, startMs });
        arrived.set(request.headers, { span, startedAtMs: startMs, requestId: null });
        // Deferred: for an accepted request `over` reports the outcome, also when the client disconnects.
        reply.raw.once('close', () => setImmediate(close, request.headers, reply.raw.statusCode));
      });
    },
    accept(headers, { requestId, model, lane, protocol }) {
      const open = arrived.get(headers) ?? beginTurn(headers, protocol);
      open.span.set({ [ATTRIBUTES.requestId]: requestId, [ATTRIBUTES.requestModel]: model, [ATTRIBUTES.lane]: lane });
      open.requestId = requestId;
      // Only turns that were refused remain.
      if (accepted.size >= MAX_OPEN) accepted.delete(accepted.keys().next().value!);
      accepted.set(requestId, open);
      return open.span.context;
    },
    admitted({ requestId, trace }) {
      const open = accepted.get(requestId);
      if (open === undefined) return;
      const endMs = Date.now();
      tracing.record('admit', { parent: trace, startMs: open.startedAtMs, endMs });
    },
    over({ requestId, trace }, { outcome, status, begunAtMs }) {
      const open = accepted.get(requestId);
      if (open === undefined) return;
      accepted.delete(requestId);
      if (begunAtMs !== null) tracing.record('relay', { parent: trace, startMs: begunAtMs, endMs: Date.now() });
      const attributes = { [ATTRIBUTES.outcome]: outcome, [ATTRIBUTES.httpStatus]: status };
      const error = outcome === 'ok' ? undefined : outcome;
      // The connection closes shortly after, or carries the next turn.
      open.span.end({ error, attributes });
    },
  };
}
