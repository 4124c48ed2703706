// Traces and metrics to a collector by OTLP over HTTP, with OpenTelemetry's SDK. Settings are OpenTelemetry's own environment
// variables. Nothing waits for the collector: spans are queued up to a bound and dropped beyond it, and an outage is logged
// once.
import { hostname } from 'node:os';
import {
  createTraceState,
  type Histogram,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import { readTraceparent, type TraceContext, writeTraceparent } from '../contracts/trace-context.ts';
import type { Logger } from './logger.ts';
import { prometheusProducer } from './prometheus-producer.ts';
import { ATTRIBUTES, DURATION_BUCKETS, GEN_AI_METRICS, TOKEN_BUCKETS } from './semantic-conventions.ts';
import type { CallMeasure, OpenSpan, SpanOptions, Telemetry, TelemetryOptions, Tracing } from './tracing.ts';

const SHUTDOWN_LIMIT_MS = 3_000;
/** More than the SDK's 2,048: a request has about eight spans. At most a few megabytes. */
const MAX_QUEUED_SPANS = 8_192;
const METRICS_EVERY_MS = 60_000;

type Variables = TelemetryOptions['variables'];

export function openTelemetry(options: TelemetryOptions, signals: { traces: boolean; metrics: boolean }): Telemetry {
  const { variables, logger, shutdownLimitMs = SHUTDOWN_LIMIT_MS } = options;
  const resource = resourceOf(options);
  const meters = signals.metrics ? openMeters(options, resource) : null;
  const ids = createIds();
  const tracers = signals.traces ? openTracers(variables, resource, ids, logger) : null;
  const protocol = variables.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (protocol !== undefined && protocol !== 'http/protobuf') {
    logger.warn({ protocol }, 'OTLP is sent only as http/protobuf: the endpoint must accept that');
  }
  return {
    tracing: tracers === null ? null : createTracing(tracers, ids, meters, variables),
    async shutdown() {
      const ended = Promise.allSettled([tracers?.shutdown(), meters?.shutdown()]);
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, shutdownLimitMs).unref())]);
    },
  };
}

/** OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence over the attributes set here. */
function resourceOf({ role, instance, version }: TelemetryOptions): Resource {
  const own = resourceFromAttributes({
    [ATTRIBUTES.serviceName]: `sluice-${role}`,
    [ATTRIBUTES.serviceVersion]: version,
    [ATTRIBUTES.serviceInstanceId]: instance,
    [ATTRIBUTES.processId]: process.pid,
    [ATTRIBUTES.hostName]: hostname(),
  });
  return defaultResource()
    .merge(own)
    .merge(detectResources({ detectors: [envDetector] }));
}

/** An id generator that uses the SDK's ids, except for spans whose ids are given. */
function createIds() {
  const random = new RandomIdGenerator();
  let given: SpanOptions['ids'];
  return {
    generateTraceId: () => given?.traceId ?? random.generateTraceId(),
    generateSpanId: () => given?.spanId ?? random.generateSpanId(),
    /** The span must be started within `start`. */
    using<T>(ids: SpanOptions['ids'], start: () => T): T {
      given = ids;
      try {
        return start();
      } finally {
        given = undefined;
      }
    },
  };
}

type Ids = ReturnType<typeof createIds>;

function openTracers(variables: Variables, resource: Resource, idGenerator: Ids, logger: Logger): TracerProvider {
  const processor = new BatchSpanProcessor({
    exporter: watched(new OTLPTraceExporter(), logger, 'traces'),
    maxQueueSize: numberOf(variables.OTEL_BSP_MAX_QUEUE_SIZE) ?? MAX_QUEUED_SPANS,
    ...given('maxExportBatchSize', variables.OTEL_BSP_MAX_EXPORT_BATCH_SIZE),
    ...given('scheduledDelayMillis', variables.OTEL_BSP_SCHEDULE_DELAY),
    ...given('exportTimeoutMillis', variables.OTEL_BSP_EXPORT_TIMEOUT),
  });
  return new TracerProvider({ resource, idGenerator, sampler: samplerOf(variables), spanProcessors: [processor] });
}

/** The samplers of the specification; unknown names select the default. */
function samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument }: Variables): Sampler {
  const ratio = () => new TraceIdRatioBasedSampler(Math.min(1, Math.max(0, numberOf(argument) ?? 1)));
  switch (name) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return ratio();
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: ratio() });
    default:
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
  }
}

function openMeters({ variables, registry, logger }: TelemetryOptions, resource: Resource): MeterProvider {
  const exportIntervalMillis = numberOf(variables.OTEL_METRIC_EXPORT_INTERVAL) ?? METRICS_EVERY_MS;
  const reader = new PeriodicExportingMetricReader({
    exporter: watched(new OTLPMetricExporter(), logger, 'metrics'),
    exportIntervalMillis,
    exportTimeoutMillis: Math.min(exportIntervalMillis, numberOf(variables.OTEL_METRIC_EXPORT_TIMEOUT) ?? 30_000),
    metricProducers: [prometheusProducer(registry, resource)],
  });
  return new MeterProvider({ resource, readers: [reader] });
}

interface Exporter {
  export(items: never, done: (result: { code: number; error?: Error }) => void): void;
}

/** Logs once that the collector cannot be reached, and once that it can be reached again. */
function watched<T extends Exporter>(exporter: T, logger: Logger, what: string): T {
  let isAway = false;
  const send = exporter.export.bind(exporter);
  exporter.export = (items, done) =>
    send(items, (result) => {
      const hasFailed = result.code !== 0;
      if (hasFailed && !isAway) {
        const reason = result.error?.message ?? 'unknown';
        logger.warn({ reason }, `the OpenTelemetry collector refuses ${what}: they are dropped until it accepts them`);
      } else if (!hasFailed && isAway) logger.info(`the OpenTelemetry collector accepts ${what} again`);
      isAway = hasFailed;
      done(result);
    });
  return exporter;
}

function numberOf(text: string | undefined): number | undefined {
  const number = Number(text);
  return text === undefined || text.trim() === '' || !Number.isFinite(number) || number < 0 ? undefined : number;
}

function given<Name extends string>(name: Name, text: string | undefined): { [Key in Name]?: number } {
  const number = numberOf(text);
  return (number === undefined ? {} : { [name]: number }) as { [Key in Name]?: number };
}

const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT, producer: SpanKind.PRODUCER };

function createTracing(tracers: TracerProvider, ids: Ids, meters: MeterProvider | null, variables: Variables): Tracing {
  const tracer = tracers.getTracer('sluice');
  const measure = meters === null ? () => undefined : createMeasure(meters);
  const start = (name: string, options: SpanOptions) => ids.using(options.ids, () => startSpan(tracer, name, options));
  return {
    start: (name, options) => openSpan(start(name, options), options.parent?.state),
    record(name, options) {
      start(name, options).end(timeOf(options.endMs));
    },
    measure,
    capturesMessages: /^(true|span_only|span_and_event)$/i.test(
      variables.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT ?? '',
    ),
  };
}

function startSpan(tracer: Tracer, name: string, options: SpanOptions): Span {
  const { kind, parent, startMs, attributes = {}, links = [] } = options;
  const linked = links.flatMap((text) => {
    const context = spanContextOf({ parent: text });
    return context === null ? [] : [{ context }];
  });
  const remote = spanContextOf(parent);
  return tracer.startSpan(
    name,
    {
      kind: kind === undefined ? SpanKind.INTERNAL : KINDS[kind],
      attributes,
      links: linked,
      startTime: timeOf(startMs),
    },
    remote === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote),
  );
}

/** Converted to a Date, because the SDK reads numbers smaller than its time origin as milliseconds since the process started. */
function timeOf(unixMs = Date.now()): Date {
  return new Date(unixMs);
}

function spanContextOf(context: TraceContext | null | undefined) {
  const reference = readTraceparent(context?.parent);
  if (reference === null) return null;
  const { traceId, spanId, isSampled } = reference;
  const state = context?.state;
  return {
    traceId,
    spanId,
    traceFlags: isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
    isRemote: true,
    ...(state === undefined ? {} : { traceState: createTraceState(state) }),
  };
}

function openSpan(span: Span, state: string | undefined): OpenSpan {
  const { traceId, spanId, traceFlags } = span.spanContext();
  const parent = writeTraceparent({ traceId, spanId, isSampled: (traceFlags & TraceFlags.SAMPLED) !== 0 });
  let isOver = false;
  return {
    context: { parent, ...(state === undefined ? {} : { state }) },
    set: (attributes) => void span.setAttributes(attributes),
    end({ error, atMs, attributes } = {}) {
      if (isOver) return;
      isOver = true;
      if (attributes !== undefined) span.setAttributes(attributes);
      if (error !== undefined) {
        span.setAttribute(ATTRIBUTES.errorType, error);
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end(timeOf(atMs));
    },
  };
}

function createMeasure(meters: MeterProvider): (call: CallMeasure) => void {
  const meter = meters.getMeter('sluice');
  const histograms = (names: readonly string[], unit: string, buckets: number[]): Histogram[] =>
    names.map((name) => meter.createHistogram(name, { unit, advice: { explicitBucketBoundaries: buckets } }));
  const durations = histograms(GEN_AI_METRICS.duration, 's', DURATION_BUCKETS);
  const firstChunks = histograms(GEN_AI_METRICS.timeToFirstChunk, 's', DURATION_BUCKETS);
  const tokens = histograms(GEN_AI_METRICS.tokens, '{token}', TOKEN_BUCKETS);
  return ({ durationMs, firstChunkMs, inputTokens, outputTokens, attributes }) => {
    for (const histogram of durations) histogram.record(durationMs / 1_000, attributes);
    if (firstChunkMs !== null) for (const histogram of firstChunks) histogram.record(firstChunkMs / 1_000, attributes);
    for (const histogram of tokens) {
      if (inputTokens > 0) histogram.record(inputTokens, { ...attributes, [ATTRIBUTES.tokenType]: 'input' });
      if (outputTokens > 0) histogram.record(outputTokens, { ...attributes, [ATTRIBUTES.tokenType]: 'output' });
    }
  };
}
