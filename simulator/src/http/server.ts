// The listening socket and its bounds.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Longer than any client's pool keeps idle connections, so that the two ends do not race to close them. */
const KEEP_ALIVE_MS = 120_000;
/** Limit for receiving the whole request. */
const REQUEST_TIMEOUT_MS = 300_000;
const MAX_CONNECTIONS = 20_000;
const MAX_HEADER_BYTES = 64 * 1024;

export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface ListeningServer {
  port: number;
  /** Destroys every connection. May be called twice. */
  close(): Promise<void>;
}

/** Rejects if the port is taken. */
export async function listen(host: string, port: number, handle: RequestHandler): Promise<ListeningServer> {
  const server = createServer(
    { keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: MAX_HEADER_BYTES },
    handle,
  );
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
