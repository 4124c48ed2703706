// The API's part of a request's trace: the span that all others are within, from the first byte of the request to the last of its
// answer; below it what was needed to admit it, and the relay of its answer.
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { RequestSpec } from '../contracts/request-record.ts';
import { readTraceHeaders, type TraceContext } from '../contracts/trace-context.ts';
import { ATTRIBUTES } from '../telemetry/semantic-conventions.ts';
import type { OpenSpan, Tracing } from '../telemetry/tracing.ts';
import type { ReplyEnd } from './relay/relay.ts';

export interface RequestTracing {
  /** Every request of these routes has a span, refused ones included. */
  follow(app: FastifyInstance): void;
  /** The request has a specification: where its workers' spans belong. */
  accept(
    headers: IncomingHttpHeaders,
    spec: Pick<RequestSpec, 'requestId' | 'model' | 'lane' | 'protocol'>,
  ): TraceContext;
  /** It was handed over to the workers. */
  admitted(spec: RequestSpec): void;
  over(spec: RequestSpec, end: ReplyEnd): void;
}

/** What operators and balancers ask all the time. */
const UNTRACED = /^\/(healthz|health|readyz|metrics|admin|openapi\.json)\b/;
/** More than the connections of a process. */
const MAX_OPEN = 100_000;

interface OpenRequest {
  span: OpenSpan;
  startedAtMs: number;
  requestId: string | null;
}

export function createRequestTracing(tracing: Tracing): RequestTracing {
  const arrived = new WeakMap<IncomingHttpHeaders, OpenRequest>();
  /** As many as there are open connections and turns. */
  const accepted = new Map<string, OpenRequest>();

  /** A WebSocket's turn has no HTTP request of its own. */
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
        // A moment later: what has become of an accepted request is said by `over`, which a client's leaving calls too.
        reply.raw.once('close', () => setImmediate(close, request.headers, reply.raw.statusCode));
      });
    },
    accept(headers, { requestId, model, lane, protocol }) {
      const open = arrived.get(headers) ?? beginTurn(headers, protocol);
      open.span.set({ [ATTRIBUTES.requestId]: requestId, [ATTRIBUTES.requestModel]: model, [ATTRIBUTES.lane]: lane });
      open.requestId = requestId;
      // Turns that were refused are left.
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
      // Its connection ends a moment later, or carries the next turn.
      open.span.end({ error, attributes });
    },
  };
}
