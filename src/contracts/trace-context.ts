// The position of a request in a trace, as part of its record: W3C Trace Context (level 1). Baggage is not forwarded: it may
// hold anything, and is not meant for providers.
import type { IncomingHttpHeaders } from 'node:http';

export interface TraceContext {
  /** `traceparent` of the request's own span. */
  parent: string;
  /** `tracestate` as the client sent it. */
  state?: string;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
/** The length that the standard asks every system to propagate at least. */
const MAX_STATE_CHARACTERS = 512;

export interface SpanReference {
  traceId: string;
  spanId: string;
  isSampled: boolean;
}

/** Null if invalid: then a new trace begins. */
export function readTraceparent(text: unknown): SpanReference | null {
  const [, traceId, spanId, flags] = (typeof text === 'string' && TRACEPARENT.exec(text)) || [];
  if (traceId === undefined) return null;
  return { traceId, spanId: spanId!, isSampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

export function writeTraceparent({ traceId, spanId, isSampled }: SpanReference): string {
  return `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
}

/** The client's span, the parent of the request's own span. */
export function readTraceHeaders({ traceparent, tracestate }: IncomingHttpHeaders): TraceContext | null {
  if (readTraceparent(traceparent) === null) return null;
  const state = typeof tracestate === 'string' && tracestate.length <= MAX_STATE_CHARACTERS ? tracestate : '';
  return { parent: traceparent as string, ...(state === '' ? {} : { state }) };
}

/** For a log record; empty without a trace. */
export function traceFields(context: TraceContext | undefined): { trace_id?: string; span_id?: string } {
  const reference = context === undefined ? null : readTraceparent(context.parent);
  return reference === null ? {} : { trace_id: reference.traceId, span_id: reference.spanId };
}
