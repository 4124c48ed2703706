// Symptom: a container's health check was satisfied with a worker that did nothing, or could not reach it at all. Cause:
// /healthz always returned 200, on loopback only. Fix: it fails if the work of the process has stood still for a minute, and
// listens on a configurable address.
import { Registry } from 'prom-client';
import { afterEach, describe, expect, test } from 'vitest';
import { type HealthServer, readHealthAddress, SILENT_MS, startHealthServer } from '#workers/support/health-server.ts';

let server: HealthServer | null = null;
afterEach(() => {
  server?.close();
  server = null;
});

async function health(silentMs: Record<string, number>) {
  const signs = Object.fromEntries(Object.entries(silentMs).map(([name, ms]) => [name, () => ms]));
  server = await startHealthServer({ port: 0, host: '127.0.0.1', registry: new Registry(), signs });
  const answer = await fetch(`${server.url}/healthz`);
  return { status: answer.status, body: await answer.json() };
}

describe('/healthz', () => {
  test('is 200 while work proceeds', async () => {
    expect(await health({ heartbeat: 900, queues: SILENT_MS })).toEqual({ status: 200, body: { status: 'ok' } });
  });

  test('names what has stalled for too long', async () => {
    expect(await health({ heartbeat: 900, queues: SILENT_MS + 1 })).toEqual({
      status: 503,
      body: { status: 'silent', silent: [{ name: 'queues', silent_ms: SILENT_MS + 1 }] },
    });
  });
});

test.each([
  ['nowhere unless it is asked for', {}, null],
  ['on loopback', { 'health-port': '9090' }, { port: 9090, host: '127.0.0.1' }],
  ['where it is told', { 'health-port': '9090', 'health-host': '::1' }, { port: 9090, host: '::1' }],
])('it listens %s', (_name, values, expected) => {
  expect(readHealthAddress(values)).toEqual(expected);
});
