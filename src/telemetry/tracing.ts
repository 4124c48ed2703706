// The interface to tracing for the rest of the code. OpenTelemetry's SDK is used in open-telemetry.ts only, and not loaded unless
// a collector is configured: without one there is no `Tracing`, and each call site costs one `?.`.
import type { Registry } from 'prom-client';
import type { TraceContext } from '../contracts/trace-context.ts';
import type { Logger } from './logger.ts';

export type Attributes = Record<string, string | number | boolean | undefined>;

export interface SpanOptions {
  kind?: 'server' | 'client' | 'producer';
  /** Null or absent: a new trace begins. */
  parent?: TraceContext | null | undefined;
  /** Unix ms; absent: now. */
  startMs?: number;
  attributes?: Attributes;
  /** `traceparent` of related spans. */
  links?: readonly string[];
  /** Ids of a span that others refer to before it exists, or after its process has died. */
  ids?: { traceId: string; spanId: string };
}

export interface OpenSpan {
  /** The parent context for its children. */
  readonly context: TraceContext;
  set(attributes: Attributes): void;
  /** @param end `error`: class of the error that it ended with. Only the first call counts. */
  end(end?: { error?: string | undefined; atMs?: number; attributes?: Attributes }): void;
}

/** One call to a provider, as the GenAI metrics count it. */
export interface CallMeasure {
  durationMs: number;
  /** Null unless streamed. */
  firstChunkMs: number | null;
  inputTokens: number;
  outputTokens: number;
  attributes: Attributes;
}

export interface Tracing {
  start(name: string, options: SpanOptions): OpenSpan;
  /** Records a span that has already ended. */
  record(name: string, options: SpanOptions & { startMs: number; endMs: number }): void;
  measure(call: CallMeasure): void;
  /** Set by OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT. */
  readonly capturesMessages: boolean;
}

export interface Telemetry {
  /** Null if only metrics are sent, or nothing. */
  tracing: Tracing | null;
  /** Sends what is still queued, for a few seconds at most. Never rejects. */
  shutdown(): Promise<void>;
}

export interface TelemetryOptions {
  variables: Readonly<Record<string, string | undefined>>;
  /** As in the logs: `api`, `worker`, … */
  role: string;
  instance: string;
  version: string;
  registry: Registry;
  logger: Logger;
  /** How long `shutdown` may take. */
  shutdownLimitMs?: number;
}

const OFF: Telemetry = { tracing: null, shutdown: async () => undefined };

/** Which signals are sent, by OpenTelemetry's own variables; null for none. */
export function signalsOf(variables: TelemetryOptions['variables']): { traces: boolean; metrics: boolean } | null {
  if (variables.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return null;
  const isSent = (signal: 'TRACES' | 'METRICS') => {
    const endpoint = variables[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] || variables.OTEL_EXPORTER_OTLP_ENDPOINT;
    return Boolean(endpoint) && variables[`OTEL_${signal}_EXPORTER`] !== 'none';
  };
  const signals = { traces: isSent('TRACES'), metrics: isSent('METRICS') };
  return signals.traces || signals.metrics ? signals : null;
}

/** Never rejects, since a process works without tracing. */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const signals = signalsOf(options.variables);
  if (signals === null) return OFF;
  try {
    const { openTelemetry } = await import('./open-telemetry.ts');
    return openTelemetry(options, signals);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason =
      code === 'ERR_MODULE_NOT_FOUND'
        ? 'its optional packages (@opentelemetry/…) are not installed: npm install without --omit=optional'
        : (error as Error).message;
    options.logger.error({ reason }, 'OpenTelemetry is off');
    return OFF;
  }
}
