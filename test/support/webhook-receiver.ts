// A real webhook receiver that behaves as configured: refuses, hangs, redirects, accepts.
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A status to answer with, or never to answer. The list is used up in order; after its end everything is accepted. */
export type Reaction = number | 'hang' | { status: number; headers: Record<string, string> };

export interface Received {
  headers: IncomingHttpHeaders;
  body: string;
  atMs: number;
}

export interface WebhookReceiver {
  url: string;
  received: Received[];
  react(...reactions: Reaction[]): void;
  close(): Promise<void>;
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received: Received[] = [];
  const reactions: Reaction[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(pieces).toString(), atMs: Date.now() });
      perform(reactions.shift() ?? 200, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    react: (...more) => void reactions.push(...more),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function perform(reaction: Reaction, response: ServerResponse): void {
  if (reaction === 'hang') return;
  const { status, headers } = typeof reaction === 'number' ? { status: reaction, headers: {} } : reaction;
  response.writeHead(status, headers).end('noted');
}
