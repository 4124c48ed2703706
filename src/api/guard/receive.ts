// What happens between a connection and a request that is believed: who is not known costs as little as possible.
// - A refusal before the body was read closes its connection: what is still sent is not read to its end.
// - A body that comes too slowly is not waited for.
// - `Expect: 100-continue` is answered when the key is known.
// - Names in the address (path ids, query values) have bounds.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { faultOfName } from '../../protocols/bounds/request-names.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Its body is read as a stream by its handler, and has bounds of its own. */
    hasStreamedBody?: boolean;
  }
}

/** A client that was refused may still be writing: so much and so long is it listened to, so that it can read why. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 256 * 1024;
const MAX_PARAMETER_CHARS = 512;

export function guardReceiving(app: FastifyInstance, { bodyMs }: { bodyMs: number }): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config?.takesWebSockets !== true) refuseUpgrade(request, reply);
    checkAddress(request);
    if (request.routeOptions.config?.hasStreamedBody !== true) limitBodyTime(request, reply, bodyMs);
  });
  // The key is known now, and the body is wanted.
  app.addHook('preParsing', async (request, reply, payload) => {
    if (expectsContinue.has(request.raw)) reply.raw.writeContinue();
    return payload;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.raw.complete) return payload;
    reply.header('connection', 'close');
    endAfterAnswer(request.raw);
    return payload;
  });
}

const expectsContinue = new WeakSet<IncomingMessage>();

/** Node answers `100 Continue` by itself, before anybody has looked at the key, unless somebody listens. */
export function acceptExpectations(server: Server): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    expectsContinue.add(request);
    server.emit('request', request, response);
  });
}

/** Throws a FailureError for a WebSocket: its client then knows at once that HTTP is what there is. */
function refuseUpgrade(request: FastifyRequest, reply: FastifyReply): void {
  if (!/\bwebsocket\b/i.test(request.headers.upgrade ?? '')) return;
  reply.header('upgrade', 'HTTP/1.1');
  const message = 'WebSockets are not served here: send the request over HTTP, streamed if you like.';
  throw new FailureError(createFailure('upgrade_unsupported', message));
}

/** Path ids and query values end in SQL, Redis keys and messages. Throws a FailureError. */
function checkAddress(request: FastifyRequest): void {
  for (const part of [request.params, request.query]) {
    for (const [name, value] of Object.entries((part ?? {}) as Record<string, unknown>)) {
      for (const text of [value].flat()) {
        const fault = typeof text === 'string' ? faultOfName(text, MAX_PARAMETER_CHARS) : null;
        if (fault === null) continue;
        const param = name === '*' ? 'path' : name.slice(0, 64);
        throw new FailureError(
          createFailure('request_invalid', `Invalid value for '${param}': it must ${fault}.`, { param }),
        );
      }
    }
  }
}

/** Its own answer: nothing else would end a body that a client sends byte by byte. */
function limitBodyTime(request: FastifyRequest, reply: FastifyReply, limitMs: number): void {
  const { raw } = request;
  if (raw.headers['content-length'] === undefined && raw.headers['transfer-encoding'] === undefined) return;
  const timer = setTimeout(() => {
    if (raw.complete || reply.sent) return;
    const message = `The request body did not arrive within ${Math.ceil(limitMs / 1_000)} s.`;
    const error = new FailureError(createFailure('body_too_slow', message));
    // The reader of the body answers; the connection stays for that answer.
    if (raw.listenerCount('error') > 0) raw.emit('error', error);
    else raw.destroy(error);
  }, limitMs);
  timer.unref();
  raw.once('end', () => clearTimeout(timer));
  raw.once('close', () => clearTimeout(timer));
}

/**
 * Call before the answer is written. Closing at once behind it would make the kernel throw it away on the client's side
 * (RFC 9112 section 9.6): a little of what still comes is read, then nothing, and then the connection ends.
 */
function endAfterAnswer(raw: IncomingMessage): void {
  const { socket } = raw;
  let left = LINGER_BYTES;
  raw.on('data', (piece: Buffer) => {
    left -= piece.length;
    // Not read any more: the client's own system stops sending.
    if (left < 0) raw.pause();
  });
  // Node calls it when an answer with `connection: close` is written (`resOnFinish`), and destroys at once.
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}
