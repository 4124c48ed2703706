// Traces as a collector receives them, with real processes: a request with retries and a fallback, a worker that dies, lines of
// a batch; no trace contains the prompt. `npm run otel` puts OpenTelemetry's own collector in between (SLUICE_OTELCOL); its
// output is then checked.
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chatLines, ended, sdk, submit } from '#test/support/batches.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '#test/support/otlp-receiver.ts';
import { type Providers, provider, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

const SECRET = 'The password of the safe is 4711-pelican.';
const COLLECTOR = process.env.SLUICE_OTELCOL;

let vendors: Providers;
let broker: TestBroker;
let receiver: OtlpReceiver;
let collector: ChildProcess | null = null;

beforeAll(async () => {
  [vendors, receiver] = await Promise.all([startProviders({ tokens: 12 }), startOtlpReceiver()]);
  const endpoint = COLLECTOR === undefined ? receiver.url : await startCollector(COLLECTOR);
  const configuration = providerConfiguration(vendors);
  configuration.providers!.secondary = provider(vendors.secondary, { send_traceparent: true });
  broker = await startBroker({
    configuration,
    batches: 1,
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_METRIC_EXPORT_INTERVAL: '500',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
    },
  });
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  collector?.kill();
  await Promise.all([vendors?.close(), receiver?.close()]);
});

async function startCollector(binary: string): Promise<string> {
  const port = await freePort();
  const path = join(import.meta.dirname, `../../node_modules/.cache-otelcol-${process.pid}.json`);
  const pipeline = { receivers: ['otlp'], exporters: ['otlp_http'] };
  const settings = {
    receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${port}` } } } },
    exporters: {
      otlp_http: { endpoint: receiver.url, encoding: 'json', compression: 'none', sending_queue: { enabled: false } },
    },
    service: { pipelines: { traces: pipeline, metrics: pipeline }, telemetry: { metrics: { level: 'none' } } },
  };
  writeFileSync(path, JSON.stringify(settings));
  collector = spawn(binary, ['--config', path], { stdio: ['ignore', 'ignore', 'inherit'] });
  const url = `http://127.0.0.1:${port}`;
  await waitFor(
    'the collector',
    () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    30_000,
  );
  return url;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const traceOf = (traceId: string) =>
  receiver.spans.filter((span) => span.traceId === traceId).sort((a, b) => a.startMs - b.startMs);

/** Resolves when this many calls and the span of the request are there; only hand-overs may end later than that span. */
function wholeTrace(traceId: string, calls: number, settled = calls): Promise<ReceivedSpan[]> {
  return waitFor(`the trace ${traceId}`, () => {
    const spans = traceOf(traceId);
    const count = (name: string) => spans.filter((span) => span.name.startsWith(name)).length;
    return spans.some(({ kind }) => kind === 2) && count('chat ') >= calls && count('settle') >= settled ? spans : null;
  });
}

let counter = 0;
function traceparent(flags = '01') {
  counter += 1;
  const traceId = counter.toString(16).padStart(32, 'a');
  const spanId = counter.toString(16).padStart(16, 'b');
  return { traceId, spanId, header: `00-${traceId}-${spanId}-${flags}` };
}

test('a retry and a fallback are spans of one trace, from the client’s span to the provider’s', async () => {
  const { traceId, spanId, header } = traceparent();
  const answer = await ask(broker.url, {
    model: 'pair',
    prompt: `[[sim on=primary fault=500]] ${SECRET}`,
    stream: true,
    headers: { traceparent: header, tracestate: 'shop=1', baggage: 'customer=4711-pelican' },
  });
  expect(answer.status).toBe(200);
  const spans = await wholeTrace(traceId, 3);
  if (COLLECTOR !== undefined) print(spans);

  const [root] = spans.filter(({ kind }) => kind === 2);
  expect(root).toMatchObject({ name: 'POST /v1/chat/completions', parentId: spanId, service: 'sluice-api' });
  const requestId = answer.headers['x-request-id'];
  expect(root!.attributes).toMatchObject({
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'gen_ai.request.model': 'pair',
    'sluice.request.id': requestId,
    'sluice.outcome': 'ok',
  });
  const below = spans.filter((span) => span.parentId === root!.spanId);
  const names = below.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['admit', 'queue', 'permit', 'backoff', 'relay']));
  const calls = below.filter(({ kind }) => kind === 3);
  expect(calls.map(({ name }) => name)).toEqual(['chat pair', 'chat pair', 'chat pair']);
  expect(calls.map(({ attributes }) => attributes['sluice.provider'])).toEqual(['primary', 'primary', 'secondary']);
  expect(calls.map(({ attributes }) => attributes['sluice.next'])).toEqual(['retry', 'fallback', 'answered']);
  expect(calls.map(({ isError }) => isError)).toEqual([true, true, false]);
  expect(calls[0]!.attributes['error.type']).toBe('upstream_server_error');
  expect(calls[2]!.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'secondary',
    'gen_ai.request.model': 'pair',
    'gen_ai.request.stream': true,
    'gen_ai.usage.output_tokens': 12,
    'server.address': '127.0.0.1',
    'sluice.attempt': 3,
  });
  expect(calls[2]!.attributes['gen_ai.response.time_to_first_chunk']).toBeGreaterThan(0);
  expect(spans.filter(({ name }) => name === 'settle').map(({ parentId }) => parentId)).toEqual(
    calls.map((call) => call.spanId),
  );
  for (const span of spans) expect(span.endMs).toBeGreaterThanOrEqual(span.startMs);
  for (const span of calls) expect(span.service).toBe('sluice-worker');

  const [served] = vendors.secondary.requests().filter(({ body }) => body.includes('4711-pelican'));
  expect(served!.headers.traceparent).toBe(`00-${traceId}-${calls[2]!.spanId}-01`);
  expect(served!.headers.baggage).toBeUndefined();
  const [refused] = vendors.primary.requests().filter(({ body }) => body.includes('4711-pelican'));
  expect(refused!.headers.traceparent).toBeUndefined();

  const records = await waitFor('its log records', () => {
    const lines = [...broker.apis, ...broker.workers].flatMap((one) => one.log().split('\n'));
    const found = lines.filter((line) => line.includes(`"request_id":"${requestId}"`) && line.includes('"trace_id"'));
    return found.length === 4 ? found.map((line) => JSON.parse(line) as Record<string, string>) : null;
  });
  expect(records.map(({ msg }) => msg).sort()).toEqual(['attempt', 'attempt', 'attempt', 'request']);
  for (const record of records) expect(record.trace_id).toBe(traceId);
  expect(records.find(({ msg }) => msg === 'request')!.span_id).toBe(root!.spanId);
});

test('a request without a trace starts one; one that its client does not sample leaves none', async () => {
  const unsampled = traceparent('00');
  await ask(broker.url, { prompt: 'Not sampled.', headers: { traceparent: unsampled.header } });
  const answer = await ask(broker.url, { prompt: 'Sampled.', headers: { traceparent: 'not one' } });
  const id = answer.headers['x-request-id'];
  const root = await waitFor(
    'its trace',
    () => receiver.spans.find((span) => span.kind === 2 && span.attributes['sluice.request.id'] === id) ?? null,
  );
  expect(root.parentId).toBe('');
  await wholeTrace(root.traceId, 1);
  expect(traceOf(unsampled.traceId)).toEqual([]);
});

test('a refused request has only its own span', async () => {
  const { traceId, header } = traceparent();
  await ask(broker.url, { model: 'nobody-has', prompt: SECRET, headers: { traceparent: header } });
  const [span] = await waitFor('its span', () => (traceOf(traceId).length > 0 ? traceOf(traceId) : null));
  expect(span!.attributes['http.response.status_code']).toBe(404);
  expect(traceOf(traceId)).toHaveLength(1);
});

test('each line of a batch is a trace, linked to that of its batch', async () => {
  const client = sdk(broker);
  const { id } = await submit(
    client,
    chatLines(2, () => SECRET),
  );
  await ended(client, id);
  const batch = await waitFor(
    'the span of the batch',
    () => receiver.spans.find(({ name }) => name === 'batch') ?? null,
  );
  expect(batch.attributes).toMatchObject({
    'sluice.batch.id': id,
    'sluice.batch.lines': 2,
    'sluice.outcome': 'completed',
  });
  const lines = await waitFor('the spans of its lines', () => {
    const found = receiver.spans.filter(({ name }) => name === 'batch line');
    return found.length === 2 ? found : null;
  });
  expect(lines.map(({ links }) => links)).toEqual([[batch.traceId], [batch.traceId]]);
  for (const line of lines) {
    const call = await waitFor('its call', () => traceOf(line.traceId).find(({ kind }) => kind === 3) ?? null);
    expect(call.parentId).toBe(line.spanId);
  }
});

test('a worker that dies leaves a readable trace: who took over, and the answer', async () => {
  const { traceId, header } = traceparent();
  vendors.primary.change({ paceMs: 100 });
  const open = openAnswer(broker.url, {
    prompt: `[[sim tokens=80]] ${SECRET}`,
    stream: true,
    headers: { traceparent: header },
  });
  await waitFor('some words', () => open.text.length > 400);
  await broker.startWorker();
  vendors.primary.change({ paceMs: 0 });
  await broker.workers[0]!.kill();
  const answer = await open.ended;
  expect(answer.status).toBe(200);
  const spans = await wholeTrace(traceId, 1);
  const root = spans.find(({ kind }) => kind === 2)!;
  const calls = spans.filter(({ kind }) => kind === 3);
  expect(calls.map(({ attributes }) => attributes['sluice.attempt'])).toEqual([2]);
  expect(calls[0]!.parentId).toBe(root.spanId);
  expect(root.attributes['sluice.outcome']).toBe('ok');
  const known = new Set(spans.map(({ spanId }) => spanId));
  for (const span of spans.filter((one) => one !== root)) expect(known).toContain(span.parentId);
}, 60_000);

test('metrics are exported too, and resources name the sender', async () => {
  const wanted = [
    'sluice_attempts_total',
    'sluice_waiting_tokens',
    'gen_ai.client.operation.duration',
    'gen_ai.client.inference.time_to_first_chunk',
  ];
  await waitFor('the metrics', () => wanted.every((name) => receiver.metrics.has(name)));
  expect([...receiver.resources.keys()].sort()).toEqual(['sluice-api', 'sluice-batches', 'sluice-worker']);
  expect(receiver.resources.get('sluice-api')).toMatchObject({
    'deployment.environment.name': 'test',
    'telemetry.sdk.language': 'nodejs',
  });
});

test('no part of a prompt, an answer or a key is exported', async () => {
  const sent = receiver.bytes().toString('latin1');
  expect(sent.length).toBeGreaterThan(1_000);
  for (const word of ['pelican', 'sk-sluice', 'sk-provider', 'customer']) expect(sent).not.toContain(word);
});

function print(spans: readonly ReceivedSpan[]): void {
  const [first] = spans;
  const line = (span: ReceivedSpan, depth: number): string[] => [
    `${'  '.repeat(depth)}${span.name} (${span.service}) ${Math.round(span.startMs - first!.startMs)} to ${Math.round(span.endMs - first!.startMs)} ms`,
    ...spans.filter(({ parentId }) => parentId === span.spanId).flatMap((child) => line(child, depth + 1)),
  ];
  const roots = spans.filter(({ kind }) => kind === 2);
  process.stdout.write(`\n${roots.flatMap((root) => line(root, 0)).join('\n')}\n`);
}
