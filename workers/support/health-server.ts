// Probes and metrics of a process that serves no clients, on a separate port. /healthz reports whether the process makes
// progress, not only that it runs: it fails if a periodic task has not succeeded for SILENT_MS.
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface HealthServer {
  url: string;
  close(): void;
}

export interface HealthServerOptions {
  /** 0 picks a free one. */
  port: number;
  host: string;
  registry: Registry;
  /** Periodic tasks of the process, by name: time since the last success, ms. */
  signs: Readonly<Record<string, () => number>>;
}

/** Longer than a failover of Redis or PostgreSQL: a process that recovers by itself need not be restarted. */
export const SILENT_MS = 60_000;

const LOOPBACK = '127.0.0.1';

/** Command line options of all such processes. */
export const HEALTH_OPTIONS = { 'health-port': { type: 'string' }, 'health-host': { type: 'string' } } as const;

/** Null if no server is configured. On loopback by default: metrics name models, providers and keys. */
export function readHealthAddress(values: {
  'health-port'?: string | undefined;
  'health-host'?: string | undefined;
}): Pick<HealthServerOptions, 'port' | 'host'> | null {
  const port = values['health-port'];
  return port === undefined ? null : { port: Number(port), host: values['health-host'] ?? LOOPBACK };
}

export async function startHealthServer({ port, host, registry, signs }: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    if (request.url === '/metrics') {
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    } else if (request.url === '/healthz') answerHealth(response, signs);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return { url: `http://${shown}:${address.port}`, close: () => server.close() };
}

function answerHealth(response: ServerResponse, signs: HealthServerOptions['signs']): void {
  const silent = Object.entries(signs)
    .map(([name, silentMs]) => ({ name, silent_ms: Math.round(silentMs()) }))
    .filter(({ silent_ms }) => silent_ms > SILENT_MS);
  const body = silent.length === 0 ? { status: 'ok' } : { status: 'silent', silent };
  response.writeHead(silent.length === 0 ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
