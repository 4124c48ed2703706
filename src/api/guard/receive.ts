// What happens between a connection and a request that is believed: who is not known costs as little as possible.
// - A refusal before the body was read closes its connection: what is still sent is not read to its end.
// - A body that comes too slowly is not waited for.
// - `Expect: 100-continue` is answered when the key is known.
// - Names in the address (path ids, query values) have bounds.
// - What is not HTTP, and what breaks off, is answered in the same form as everything else.
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import { faultOfName } from '../../protocols/bounds/request-names.ts';
import type { EncodedAnswer } from '../../protocols/protocol.ts';

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
  // Without a listener Node answers 417 with nothing in it; an expectation that nobody knows may be ignored (RFC 9110, 10.1.1).
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    server.emit('request', request, response),
  );
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

/** Of Node's HTTP parser. */
interface ParseError extends Error {
  code?: string;
  /** What the parser says of it. */
  reason?: string;
  /** What had come when it was found: a buffer. */
  rawPacket?: unknown;
}

/** Fastify's `clientErrorHandler`. @param encode in the form of the protocol that an address belongs to. */
export function answerBroken(encode: (path: string, failure: Failure) => EncodedAnswer) {
  const answered = new WeakSet<Socket>();
  return (error: ParseError, socket: Socket): void => {
    // The parser complains of every piece that comes behind.
    if (answered.has(socket) || socket.destroyed) return;
    if (error.code === 'ECONNRESET' || !socket.writable || hasBegunAnswer(socket)) return void socket.destroy();
    answered.add(socket);
    const { status, headers, body } = encode(pathIn(error.rawPacket), failureOf(error));
    const fields = { ...headers, 'content-length': String(body.length), connection: 'close' };
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(
      Buffer.concat([Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`), body]),
    );
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}

/** An error in the middle of another answer would be taken for a part of it. Node has the answer under way there. */
function hasBegunAnswer(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent === true;
}

function pathIn(packet: unknown): string {
  const begin = Buffer.isBuffer(packet) ? packet.toString('latin1', 0, MAX_PARAMETER_CHARS) : '';
  return /^[A-Z]+ ([^ ?]*)/.exec(begin)?.[1] ?? '';
}

function failureOf({ code, reason, message }: ParseError): Failure {
  if (code === 'HPE_HEADER_OVERFLOW')
    return createFailure('headers_too_large', 'The address and headers of the request are over 16 KiB together.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return createFailure('body_too_slow', 'The headers of the request did not arrive in time.');
  return createFailure('request_malformed', `This is not a whole HTTP request: ${reason ?? message}.`);
}
