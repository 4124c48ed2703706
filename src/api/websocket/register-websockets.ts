// GET /v1/responses with an upgrade: the Responses API over a WebSocket. The key is checked before the upgrade, so that a refusal
// has its usual HTTP status.
import type { IncomingMessage } from 'node:http';
import websocket from '@fastify/websocket';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { WebSocketServer } from 'ws';
import type { WebSocketSettings } from '../../config/agent-schema.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import type { ApiContext } from '../context.ts';
import type { Relay } from '../relay/relay.ts';
import { methodNotAllowed, OPENAI_PREFIXES } from '../request-target.ts';
import { SHUTTING_DOWN } from '../routes/inference.ts';
import { GOING_AWAY, ResponsesConnection } from './connection.ts';
import { createTurnMemory } from './turn-memory.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Route for WebSockets only. */
    takesWebSockets?: boolean;
  }
}

const PATHS: ReadonlySet<string> = new Set(OPENAI_PREFIXES.map((prefix) => `${prefix}/responses`));

/**
 * Whether the server upgrades this request. Other upgrade offers are ignored (Java's client offers HTTP/2 with its first
 * request), or refused if they ask for a WebSocket where there is none.
 */
export function isWebSocketUpgrade({ method, url = '', headers }: IncomingMessage): boolean {
  const path = url.split('?', 1)[0]!.replace(/\/$/, '');
  return method === 'GET' && /\bwebsocket\b/i.test(headers.upgrade ?? '') && PATHS.has(path);
}

/** How long the client's half of the closing handshake is waited for. */
const CLOSING_MS = 1_000;

/** Messages of up to twice the limit are read and refused by an event; larger ones close the connection (1009). */
const READ_FACTOR = 2;

export async function registerWebSockets(
  app: FastifyInstance,
  context: ApiContext,
  relay: Relay,
  settings: WebSocketSettings,
): Promise<void> {
  const { body_limit_bytes: limit } = context.configuration.server;
  await app.register(websocket, {
    // No compression: a small message could expand to a huge one, and it costs memory per connection.
    options: { maxPayload: READ_FACTOR * limit, perMessageDeflate: false },
    errorHandler: (error, socket) => {
      context.logger.debug({ err: error }, 'WebSocket closed because of an error');
      socket.terminate();
    },
    preClose(done) {
      closeAll(this.websocketServer).then(() => done(), done);
    },
  });
  const memory = createTurnMemory();
  const open = new Map<string, number>();

  for (const path of PATHS) {
    app.route({
      method: 'GET',
      url: path,
      config: { client: openaiResponsesClient, takesWebSockets: true },
      onRequest: async (request) => {
        if (!request.ws) return;
        if (context.isClosing()) throw new FailureError(SHUTTING_DOWN);
        request.apiKey = await authenticate(readSecret(request, openaiResponsesClient), context.keys);
      },
      // Order matters: nothing asynchronous between this check and the count below.
      preHandler: (request, _reply, done) => {
        const isFull = request.ws && (open.get(request.apiKey!.id) ?? 0) >= settings.connections_per_key;
        done(isFull ? new FailureError(tooMany(settings)) : undefined);
      },
      handler: refusePlain,
      wsHandler: (socket, request) => {
        const keyId = request.apiKey!.id;
        open.set(keyId, (open.get(keyId) ?? 0) + 1);
        socket.once('close', () => {
          const left = (open.get(keyId) ?? 1) - 1;
          if (left <= 0) open.delete(keyId);
          else open.set(keyId, left);
        });
        const secret = readSecret(request, openaiResponsesClient);
        new ResponsesConnection(context, relay, {
          socket,
          secret,
          headers: headersOf(request),
          memory: memory.open(),
          settings,
        });
      },
    });
  }
}

/** Headers of the upgrade apply to every turn, except those that concern a single request. */
function headersOf({ headers }: FastifyRequest) {
  const { 'idempotency-key': _key, prefer: _prefer, 'last-event-id': _last, ...rest } = headers;
  return rest;
}

async function refusePlain(request: FastifyRequest, reply: FastifyReply): Promise<never> {
  reply.header('allow', 'POST');
  throw new FailureError(methodNotAllowed(request, ['POST']));
}

function tooMany({ connections_per_key: most }: WebSocketSettings) {
  const message = `This key has ${most} open WebSockets; close some of them, or send requests over HTTP.`;
  return createFailure('key_rate_limited', message);
}

async function closeAll(server: WebSocketServer): Promise<void> {
  const clients = [...server.clients];
  for (const client of clients) client.close(GOING_AWAY);
  const untilMs = Date.now() + CLOSING_MS;
  while (server.clients.size > 0 && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, 20));
  for (const client of clients) client.terminate();
  server.close();
}
