// Measures the cost of traces: CPU per request in API and worker, with a collector that accepts everything, at a rate that the
// span queue can handle. `node bench/micro/tracing.ts`
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { createRequestTracing } from '#src/api/trace-requests.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import type { RequestSpec, TimelinePart } from '#src/contracts/request-record.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import { startTelemetry, type Tracing } from '#src/telemetry/tracing.ts';
import type { Delivery } from '#workers/inference/delivery.ts';
import { endAttempt, noteWaits, traceAttempt } from '#workers/inference/trace-attempts.ts';

const REQUESTS = 40_000;
const AT_ONCE = 200;
const WARM_UP = 4_000;

const sink = createServer((request, response) => request.resume().on('end', () => response.end()));
await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
process.env.OTEL_EXPORTER_OTLP_ENDPOINT = endpoint;

const silent = { warn: console.error, info: console.error, error: console.error } as unknown as Logger;
const provider = { name: 'openai', priceId: 'openai', baseUrl: 'https://api.openai.com/v1', sendsTraceparent: false };
const deployment = { id: 'openai/gpt-4o', provider } as unknown as Deployment;
const plain = {
  requestId: 'req_1',
  model: 'gpt-4o',
  lane: 'interactive',
  protocol: 'openai-chat',
  isStream: true,
  choices: 1,
};
const metrics = { permitWaits: () => undefined } as never;

/** One request with one call: eight spans. */
function trace(
  tracing: Tracing | null,
  requests: ReturnType<typeof createRequestTracing> | null,
  number: number,
): void {
  const now = Date.now();
  const wanted = { ...plain, requestId: `req_${number}`, acceptedAtMs: now } as unknown as RequestSpec;
  const context = requests?.accept({}, wanted);
  const spec = context === undefined ? wanted : { ...wanted, trace: context };
  requests?.admitted(spec);
  const timeline: TimelinePart[] = [{ kind: 'queue', untilMs: now + 2, provider: 'openai' }];
  const delivery = {
    spec,
    step: { upstreamModel: 'gpt-4o' },
    job: { step: 0 },
    writer: { attempt: 1 },
    progress: { timeline },
  };
  const attempt = traceAttempt(tracing, delivery as unknown as Delivery, deployment);
  noteWaits({ metrics, tracing }, delivery as unknown as Delivery);
  const entry = {
    startedAtMs: now,
    durationMs: 5,
    firstByteMs: 1,
    outcome: 'ok',
    isStream: true,
    inputTokens: 9,
    outputTokens: 9,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    reasoningTokens: 0,
    costPicoUsd: '5',
  };
  endAttempt(attempt, entry as unknown as LedgerEntry, 2, 'answered');
  requests?.over(spec, { outcome: 'ok', status: 200, isDelivered: true, bytes: 1, begunAtMs: now });
}

async function measure(name: string, more: Record<string, string> | null): Promise<void> {
  const variables =
    more === null ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRICS_EXPORTER: 'none', ...more };
  const options = { role: 'bench', instance: 'bench', version: '0', registry: new Registry(), logger: silent };
  const { tracing, shutdown } = await startTelemetry({ variables, ...options });
  const requests = tracing && createRequestTracing(tracing);
  let begin = process.cpuUsage();
  for (let number = -WARM_UP; number < REQUESTS; number += 1) {
    if (number === 0) begin = process.cpuUsage();
    trace(tracing, requests, number);
    if (number % AT_ONCE === 0) await sleep(20);
  }
  await shutdown();
  const { user, system } = process.cpuUsage(begin);
  console.log(`${name.padEnd(24)} ${((user + system) / REQUESTS).toFixed(1)} µs`);
}

for (let round = 0; round < 3; round += 1) {
  await measure('off', null);
  await measure('sampled: 1 %', { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' });
  await measure('every request', {});
}
sink.close();
sink.closeAllConnections();
