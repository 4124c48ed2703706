// Guards requests until they are authenticated, so that unknown clients cost as little as possible:
// - A refusal before the body was read closes the connection; the rest of the body is not read.
// - A body that arrives too slowly ends in a 408.
// - `Expect: 100-continue` is answered only after the key was checked.
// - Path parameters and query values are bounded in length.
// - Invalid HTTP and truncated requests get an error in the usual shape.
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { errorCodes, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import { faultOfName } from '../../protocols/bounds/request-names.ts';
import type { EncodedAnswer } from '../../protocols/protocol.ts';
import { atOnce } from './at-once.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler reads the body as a stream and enforces its own limits. */
    hasStreamedBody?: boolean;
  }
}

/** How much, and for how long, is still read from a refused client that is writing, so that it can read the answer. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 256 * 1024;
const MAX_PARAMETER_CHARS = 512;
/** Room for an announced body is at most this multiple of what has arrived: announcing one takes no memory. */
const MAX_ROOM = 4;

export function guardReceiving(app: FastifyInstance, { bodyMs }: { bodyMs: number }): void {
  const check = (request: FastifyRequest, reply: FastifyReply) => {
    requireHost(request, reply);
    if (request.routeOptions.config?.takesWebSockets !== true) refuseUpgrade(request, reply);
    checkAddress(request);
  };
  app.addHook('onRequest', atOnce(check));
  // The key has been checked; ask for the body.
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (expectsContinue.has(request.raw)) reply.raw.writeContinue();
    // By now, small bodies have arrived.
    const isAwaited = !request.raw.complete && request.routeOptions.config?.hasStreamedBody !== true;
    if (isAwaited) limitBodyTime(request, reply, bodyMs);
    done(null, payload);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.raw.complete) return payload;
    reply.header('connection', 'close');
    endAfterAnswer(request.raw);
    return payload;
  });
}

const expectsContinue = new WeakSet<IncomingMessage>();

/** Without a listener Node answers `100 Continue` itself, before the key was checked. */
export function acceptExpectations(server: Server): void {
  // Without a listener Node answers an empty 417; unknown expectations may be ignored (RFC 9110 section 10.1.1).
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
    server.emit('request', request, response),
  );
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    expectsContinue.add(request);
    server.emit('request', request, response);
  });
}

/** RFC 9112 section 3.2. Node would answer without a body (`requireHostHeader`, off in app.ts). */
function requireHost({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.headers.host !== undefined || raw.httpVersion !== '1.1') return;
  reply.header('connection', 'close');
  const message = 'This is not a valid HTTP request: it has no Host header.';
  throw new FailureError(createFailure('request_malformed', message));
}

/** Throws a FailureError for a WebSocket upgrade, so that its client can fall back to HTTP at once. */
function refuseUpgrade(request: FastifyRequest, reply: FastifyReply): void {
  const { upgrade } = request.headers;
  if (upgrade === undefined || !/\bwebsocket\b/i.test(upgrade)) return;
  reply.header('upgrade', 'HTTP/1.1');
  const message = 'WebSockets are not available here: send the request over HTTP (streaming is supported).';
  throw new FailureError(createFailure('upgrade_unsupported', message));
}

/** Path parameters and query values reach SQL, Redis keys and messages. Throws a FailureError for one that is too long. */
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

/** Answers 408 itself: nothing else would end a body that a client sends byte by byte. */
function limitBodyTime(request: FastifyRequest, reply: FastifyReply, limitMs: number): void {
  const { raw } = request;
  if (raw.headers['content-length'] === undefined && raw.headers['transfer-encoding'] === undefined) return;
  const timer = setTimeout(() => {
    if (raw.complete || reply.sent) return;
    const message = `The request body did not arrive within ${Math.ceil(limitMs / 1_000)} s.`;
    const error = new FailureError(createFailure('body_too_slow', message));
    // Whoever reads the body answers; keep the connection open for that answer.
    if (raw.listenerCount('error') > 0) raw.emit('error', error);
    else raw.destroy(error);
  }, limitMs);
  timer.unref();
  raw.once('end', () => clearTimeout(timer));
  raw.once('close', () => clearTimeout(timer));
}

/**
 * A content type parser that keeps the bytes, with the checks and errors of Fastify's own (`parseAs: 'buffer'`). A body of known
 * length is written to its place as it arrives; Fastify collects the pieces and joins them at the end, when the client waits.
 */
export function receiveBytes(request: FastifyRequest, payload: Readable & Partial<Decoded>): Promise<Buffer> {
  const { bodyLimit } = request.routeOptions;
  const { 'content-length': length, 'content-encoding': coding } = request.headers;
  const announced = length === undefined ? null : Number(length);
  if (announced !== null && announced > bodyLimit) throw new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE();
  // Small bodies arrive with their heads. Node's parser has made a copy of its own.
  if (announced !== null && announced > 0 && coding === undefined && payload.readableLength === announced)
    return Promise.resolve(payload.read() as Buffer);
  const pieces: Buffer[] = [];
  let whole: Buffer | null = null;
  let received = 0;

  function take(piece: Buffer): void {
    // The parser of HTTP never delivers more than was announced.
    const isKnown = announced !== null && coding === undefined;
    if (isKnown && whole === null && (received + piece.length) * MAX_ROOM >= announced) {
      whole = Buffer.allocUnsafe(announced);
      let at = 0;
      for (const earlier of pieces) at += earlier.copy(whole, at);
      pieces.length = 0;
    }
    if (whole === null) pieces.push(piece);
    else piece.copy(whole, received);
    received += piece.length;
  }

  return new Promise((resolve, reject) => {
    const over = (settle: () => void) => {
      payload.off('data', onData).off('end', onEnd).off('error', onError);
      settle();
    };
    const onData = (piece: Buffer) => {
      take(piece);
      // The encoded bytes have the same limit as the decoded ones.
      if (Math.max(received, payload.receivedEncodedLength ?? 0) > bodyLimit)
        over(() => reject(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()));
    };
    const onError = (error: Error & { statusCode?: number }) => {
      if ((error.statusCode ?? 0) < 400) error.statusCode = 400;
      over(() => reject(error));
    };
    const onEnd = () => {
      const isWhole = announced === null || announced === (payload.receivedEncodedLength ?? received);
      if (!isWhole) return over(() => reject(new errorCodes.FST_ERR_CTP_INVALID_CONTENT_LENGTH()));
      over(() => resolve(whole ?? Buffer.concat(pieces, received)));
    };
    payload.on('data', onData).on('end', onEnd).on('error', onError).resume();
  });
}

/** Set on a decoded body (decompress.ts). */
interface Decoded {
  receivedEncodedLength: number;
}

/**
 * Call before the answer is written. Closing immediately after it could reset the connection before the client has read the
 * answer (RFC 9112 section 9.6), so a bounded amount of the remaining input is read first.
 */
function endAfterAnswer(raw: IncomingMessage): void {
  const { socket } = raw;
  let left = LINGER_BYTES;
  raw.on('data', (piece: Buffer) => {
    left -= piece.length;
    // Stop reading: TCP flow control stops the client.
    if (left < 0) raw.pause();
  });
  // Node calls it when an answer with `connection: close` is written (`resOnFinish`), and destroys at once.
  socket.destroySoon = () => {
    socket.end();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}

/** The error of Node's HTTP parser. */
interface ParseError extends Error {
  code?: string;
  /** The parser's reason. */
  reason?: string;
  /** The input received so far: a buffer. */
  rawPacket?: unknown;
}

/** Fastify's `clientErrorHandler`. @param encode writes the error in the shape of the protocol that the path belongs to. */
export function answerBroken(encode: (path: string, failure: Failure) => EncodedAnswer) {
  const answered = new WeakSet<Socket>();
  return (error: ParseError, socket: Socket): void => {
    // The parser reports every later chunk as well.
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

/** An error written in the middle of another response would be read as part of it. Node keeps the response in progress there. */
function hasBegunAnswer(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent === true;
}

function pathIn(packet: unknown): string {
  const begin = Buffer.isBuffer(packet) ? packet.toString('latin1', 0, MAX_PARAMETER_CHARS) : '';
  return /^[A-Z]+ ([^ ?]*)/.exec(begin)?.[1] ?? '';
}

function failureOf({ code, reason, message }: ParseError): Failure {
  if (code === 'HPE_HEADER_OVERFLOW')
    return createFailure('headers_too_large', 'The URL and headers of the request are larger than 16 KiB.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return createFailure('body_too_slow', 'The headers of the request did not arrive in time.');
  return createFailure('request_malformed', `This is not a valid HTTP request: ${reason ?? message}.`);
}
