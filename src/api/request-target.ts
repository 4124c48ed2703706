// Path, query and forwarded headers of a request, in the form that the protocols expect.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, type Failure } from '../contracts/failure.ts';
import type { ClientProtocol, RequestTarget } from '../protocols/protocol.ts';

/** Path prefixes of OpenAI's API: its own, and those that other SDKs use for it (Groq's: `/openai/v1`). */
export const OPENAI_PREFIXES = ['/v1', '/v1/openai', '/openai/v1'] as const;

export function readTarget(request: Pick<FastifyRequest, 'url' | 'query'>): RequestTarget {
  const end = request.url.indexOf('?');
  const path = end < 0 ? request.url : request.url.slice(0, end);
  return { path, query: request.query as RequestTarget['query'] };
}

export function routeNotFound(request: FastifyRequest): Failure {
  const { path } = readTarget(request);
  return createFailure(
    'route_not_found',
    `Unknown request URL: ${request.method} ${path}. GET /openapi.json lists all routes.`,
  );
}

export function methodNotAllowed(request: FastifyRequest, allowed: readonly string[]): Failure {
  const { path } = readTarget(request);
  return createFailure(
    'method_not_allowed',
    `${path} does not support ${request.method}; supported: ${allowed.join(', ')}. GET /openapi.json lists all routes.`,
  );
}

/** Headers that plugins have set (CORS); answers that are written past Fastify need them too. */
export function answerHeadersOf(reply: FastifyReply): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(reply.getHeaders())) headers[name] = String(value);
  return headers;
}

/** The response header with the id for `GET /v1/requests/{id}`. */
export function idHeaders({ requestIdHeader }: ClientProtocol, requestId: string): Record<string, string> {
  const headers: Record<string, string> = { 'x-request-id': requestId };
  if (requestIdHeader !== undefined) headers[requestIdHeader] = requestId;
  return headers;
}

/**
 * The base of links in answers: `server.public_url`; else the client's `Host`, if it is the address that its connection reached;
 * else empty, for relative links, which SDKs resolve against their base URL. Other values of `Host` are never echoed, since
 * clients can set them freely.
 */
export function publicUrl(request: FastifyRequest, configured: string | undefined): string {
  if (configured !== undefined) return configured.replace(/\/+$/, '');
  return isReached(request) ? `http://${request.host}` : '';
}

function isReached({ host, socket }: FastifyRequest): boolean {
  const url = URL.parse(`http://${host}`);
  if (url === null || url.host !== host.toLowerCase() || Number(url.port || HTTP_PORT) !== socket.localPort)
    return false;
  const address = (socket.localAddress ?? '').replace(/^::ffff:/, '');
  const isLocal = address === '::1' || address.startsWith('127.');
  const name = url.hostname.replace(/^\[|\]$/g, '');
  return name === address || (name === 'localhost' && isLocal);
}

const HTTP_PORT = 80;
