// What a request says outside its body, as the protocols want it.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, type Failure } from '../contracts/failure.ts';
import type { ClientProtocol, RequestTarget } from '../protocols/protocol.ts';

/** Where OpenAI's API stands: as its own SDKs have it, and as others' SDKs that speak it do (Groq's: `/openai/v1`). */
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
    `Unknown request URL: ${request.method} ${path}. GET /openapi.json lists what there is.`,
  );
}

export function methodNotAllowed(request: FastifyRequest, allowed: readonly string[]): Failure {
  const { path } = readTarget(request);
  return createFailure(
    'method_not_allowed',
    `${path} does not take ${request.method}, but ${allowed.join(', ')}. GET /openapi.json lists what there is.`,
  );
}

/** What plugins have set for the answer (CORS): an answer that is written past Fastify must carry it, too. */
export function answerHeadersOf(reply: FastifyReply): Record<string, string> {
  return Object.fromEntries(Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]));
}

/** Where clients find the id that `GET /v1/requests/{id}` takes. */
export function idHeaders({ requestIdHeader }: ClientProtocol, requestId: string): Record<string, string> {
  return { 'x-request-id': requestId, ...(requestIdHeader === undefined ? {} : { [requestIdHeader]: requestId }) };
}

/**
 * What links in answers begin with: `server.public_url`, else the host that the client names, if that is the address its
 * connection has reached, else nothing: a relative link, which SDKs resolve against their base URL. A `Host` header is
 * the client's own word, and never repeated as ours.
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
