// What is sent to a collector, when, and what becomes of a collector that is away.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { readTraceHeaders, readTraceparent, traceFields, writeTraceparent } from '#src/contracts/trace-context.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import { prometheusProducer } from '#src/telemetry/prometheus-producer.ts';
import { operationNameOf, providerNameOf } from '#src/telemetry/semantic-conventions.ts';
import { signalsOf, startTelemetry, type Telemetry } from '#src/telemetry/tracing.ts';
import { type OtlpReceiver, startOtlpReceiver } from '#test/support/otlp-receiver.ts';
import { waitFor } from '#test/support/wait.ts';
import { capturedMessages } from '#workers/inference/trace-attempts.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;

describe('traceparent', () => {
  test.each([
    ['as the standard has it', PARENT, true],
    ['not sampled', `00-${TRACE}-${SPAN}-00`, true],
    ['a later version with more in it', `01-${TRACE}-${SPAN}-01-more`, true],
    ['version ff', `ff-${TRACE}-${SPAN}-01`, false],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${SPAN}-01`, false],
    ['a span of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`, false],
    ['capitals', PARENT.toUpperCase(), false],
    ['cut', PARENT.slice(0, -3), false],
    ['twice', `${PARENT}, ${PARENT}`, false],
    ['nothing', undefined, false],
  ])('%s', (_, header, isOne) => {
    expect(readTraceparent(header) !== null).toBe(isOne);
  });

  test('is written as it was read, and bounds tracestate', () => {
    expect(writeTraceparent(readTraceparent(PARENT)!)).toBe(PARENT);
    expect(readTraceHeaders({ traceparent: PARENT, tracestate: 'a=1', baggage: 'b=2' })).toEqual({
      parent: PARENT,
      state: 'a=1',
    });
    expect(readTraceHeaders({ traceparent: PARENT, tracestate: 'a'.repeat(513) })).toEqual({ parent: PARENT });
    expect(readTraceHeaders({ tracestate: 'a=1' })).toBeNull();
    expect(traceFields({ parent: PARENT })).toEqual({ trace_id: TRACE, span_id: SPAN });
    expect(traceFields(undefined)).toEqual({});
  });
});

test.each([
  ['nothing set', {}, null],
  ['an endpoint for all', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a' }, { traces: true, metrics: true }],
  ['one for traces', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://a' }, { traces: true, metrics: false }],
  ['one for metrics', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://a' }, { traces: false, metrics: true }],
  [
    'no metrics',
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_METRICS_EXPORTER: 'none' },
    { traces: true, metrics: false },
  ],
  ['the SDK disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a', OTEL_SDK_DISABLED: 'true' }, null],
  ['an empty endpoint', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, null],
])('%s', (_, variables, signals) => {
  expect(signalsOf(variables)).toEqual(signals);
});

interface Said {
  level: string;
  text: string;
}

let telemetry: Telemetry | null = null;
afterEach(async () => {
  await telemetry?.shutdown();
  delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT;
});

/** The exporters read their part of the variables themselves. */
async function start(endpoint: string, more: Record<string, string> = {}, shutdownLimitMs = 10_000) {
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;
  const said: Said[] = [];
  const say =
    (level: string) =>
    (...args: unknown[]) =>
      void said.push({ level, text: String(args.at(-1)) });
  const logger = { warn: say('warn'), info: say('info'), error: say('error') } as unknown as Logger;
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_BSP_SCHEDULE_DELAY: '10',
    OTEL_METRIC_EXPORT_INTERVAL: '50',
    ...more,
  };
  const registry = new Registry();
  telemetry = await startTelemetry({
    variables,
    role: 'api',
    instance: 'api_1',
    version: '1.2.3',
    registry,
    logger,
    shutdownLimitMs,
  });
  return { tracing: telemetry.tracing!, said };
}

async function receive(use: (receiver: OtlpReceiver) => Promise<void>): Promise<void> {
  const receiver = await startOtlpReceiver();
  await use(receiver).finally(() => receiver.close());
}

test('without an endpoint there is no tracing and nothing to end', async () => {
  const off = await startTelemetry({ variables: {} } as Parameters<typeof startTelemetry>[0]);
  expect(off.tracing).toBeNull();
  await off.shutdown();
});

test('spans keep their parents, times, links and ids, and are exported at exit', () =>
  receive(async ({ url, spans, resources }) => {
    const { tracing } = await start(url, { OTEL_BSP_SCHEDULE_DELAY: '60000', OTEL_METRICS_EXPORTER: 'none' });
    const root = tracing.start('root', {
      kind: 'server',
      parent: { parent: PARENT },
      startMs: 1_000,
      attributes: { one: 1 },
    });
    tracing.record('part', { parent: root.context, startMs: 1_000, endMs: 1_250 });
    root.end({ error: 'broken', atMs: 2_000 });
    root.end({ atMs: 9_000 });
    const ids = { traceId: 'c'.repeat(32), spanId: 'd'.repeat(16) };
    tracing.record('given', { ids, links: [PARENT, 'not one'], startMs: 1, endMs: 2 });
    await telemetry!.shutdown();
    expect(spans.map(({ name }) => name)).toEqual(['part', 'root', 'given']);
    const [part, found, given] = spans;
    expect(found).toMatchObject({
      traceId: TRACE,
      parentId: SPAN,
      kind: 2,
      startMs: 1_000,
      endMs: 2_000,
      isError: true,
    });
    expect(found!.attributes).toEqual({ one: 1, 'error.type': 'broken' });
    expect(part).toMatchObject({
      traceId: TRACE,
      parentId: found!.spanId,
      startMs: 1_000,
      endMs: 1_250,
      isError: false,
    });
    expect(given).toMatchObject({ ...ids, parentId: '', links: [TRACE] });
    expect(resources.get('sluice-api')).toMatchObject({ 'service.version': '1.2.3', 'service.instance.id': 'api_1' });
  }));

test.each([
  ['always_off', undefined, 0],
  ['traceidratio', '0', 0],
  ['parentbased_traceidratio', '1', 1],
  ['no such sampler', undefined, 1],
])('OpenTelemetry’s names of samplers work: %s', (name, argument, count) =>
  receive(async ({ url, spans }) => {
    const { tracing } = await start(url, {
      OTEL_TRACES_SAMPLER: name,
      OTEL_METRICS_EXPORTER: 'none',
      ...(argument === undefined ? {} : { OTEL_TRACES_SAMPLER_ARG: argument }),
    });
    const span = tracing.start('root', {});
    span.end();
    await telemetry!.shutdown();
    expect(spans).toHaveLength(count);
    expect(readTraceparent(span.context.parent)!.isSampled).toBe(count === 1);
  }),
);

test('a refusing collector is logged once, and again when it recovers', async () => {
  let status = 400;
  const server = createServer((request, response) =>
    request.resume().on('end', () => response.writeHead(status).end()),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { tracing, said } = await start(`http://127.0.0.1:${port}`, { OTEL_METRICS_EXPORTER: 'none' });
  for (let batch = 0; batch < 3; batch += 1) {
    const before = said.length;
    tracing.start('lost', {}).end();
    if (batch === 0) await waitFor('a line', () => said.length > before);
  }
  status = 200;
  await waitFor('it to be back', () => {
    tracing.start('kept', {}).end();
    return said.some(({ level }) => level === 'info');
  });
  server.close();
  server.closeAllConnections();
  expect(said.map(({ level }) => level)).toEqual(['warn', 'info']);
  expect(said[0]!.text).toContain('refuses traces');
});

test('a silent collector delays a shutdown only up to a limit', async () => {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const { tracing } = await start(`http://127.0.0.1:${port}`, { OTEL_METRICS_EXPORTER: 'none' }, 100);
  tracing.start('lost', {}).end();
  // The exporter's own time limit is ten seconds.
  const late = new Promise((resolve) => setTimeout(resolve, 8_000, 'late').unref());
  expect(await Promise.race([telemetry!.shutdown(), late])).toBeUndefined();
  server.close();
  server.closeAllConnections();
});

test('Prometheus metrics are exported under their names, with buckets as OpenTelemetry counts them', async () => {
  const registry = new Registry();
  new Counter({ name: 'c_total', help: 'C.', labelNames: ['a'], registers: [registry] }).inc({ a: 'x' }, 3);
  new Gauge({ name: 'g_bytes', help: 'G.', registers: [registry] }).set(7);
  const histogram = new Histogram({ name: 'h_seconds', help: 'H.', buckets: [1, 5], registers: [registry] });
  for (const value of [0.5, 3, 4, 60]) histogram.observe(value);
  const { resourceMetrics } = await prometheusProducer(registry, {} as never).collect();
  const [counter, gauge, seconds] = resourceMetrics.scopeMetrics[0]!.metrics;
  expect(counter).toMatchObject({
    descriptor: { name: 'c_total' },
    isMonotonic: true,
    dataPoints: [{ attributes: { a: 'x' }, value: 3 }],
  });
  expect(gauge).toMatchObject({ descriptor: { unit: 'By' }, dataPoints: [{ value: 7 }] });
  expect(seconds!.descriptor.unit).toBe('s');
  expect(seconds!.dataPoints.map(({ value }) => value)).toEqual([
    { buckets: { boundaries: [1, 5], counts: [1, 2, 1] }, sum: 67.5, count: 4 },
  ]);
});

test('metrics have the names of the conventions, if there is one', () => {
  expect(providerNameOf({ name: 'eu', priceId: 'azure' })).toBe('azure.ai.openai');
  expect(providerNameOf({ name: 'own-vllm', priceId: 'own-vllm' })).toBe('own-vllm');
  expect(['openai-chat', 'openai-embeddings', 'gemini-generate-content'].map(operationNameOf)).toEqual([
    'chat',
    'embeddings',
    'generate_content',
  ]);
});

describe('messages, if enabled by the operator', () => {
  const captured = (body: unknown) =>
    JSON.parse(capturedMessages(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))));
  test.each([
    [
      'chat',
      {
        messages: [
          { role: 'system', content: 'A' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'B' },
              { type: 'image_url', image_url: {} },
            ],
          },
        ],
      },
      [
        { role: 'system', parts: [{ type: 'text', content: 'A' }] },
        { role: 'user', parts: [{ type: 'text', content: 'B' }, { type: 'image_url' }] },
      ],
    ],
    ['Responses', { input: 'A' }, [{ role: 'user', parts: [{ type: 'text', content: 'A' }] }]],
    [
      'Gemini',
      { contents: [{ role: 'model', parts: [{ text: 'A' }] }] },
      [{ role: 'model', parts: [{ type: 'text', content: 'A' }] }],
    ],
    ['embeddings', { input: ['A'] }, [{ role: 'user', parts: [{ type: 'text', content: 'A' }] }]],
    ['no JSON', '{"messages', []],
    [
      'odd members',
      { messages: [null, 1, { role: 2, content: [null] }] },
      [
        { role: 'user', parts: [] },
        { role: 'user', parts: [] },
        { role: 'user', parts: [{ type: 'other' }] },
      ],
    ],
  ])('%s', (_, body, messages) => {
    expect(captured(body)).toEqual(messages);
  });

  test('are bounded: the latest stay', () => {
    const messages = Array.from({ length: 100 }, (_, index) => ({
      role: 'user',
      content: `${index} ${'x'.repeat(1_000)}`,
    }));
    const shown = captured({ messages });
    expect(shown.length).toBeLessThan(40);
    expect(shown.at(-1).parts[0].content).toMatch(/^99 /);
  });
});
