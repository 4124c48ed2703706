// What a request says outside its body, as the protocols want it.
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { createFailure, type Failure } from '../contracts/failure.ts';
import type { ClientProtocol, RequestTarget } from '../protocols/protocol.ts';

export function readTarget(request: FastifyRequest): RequestTarget {
  const end = request.url.indexOf('?');
  const path = end < 0 ? request.url : request.url.slice(0, end);
  return { path, query: request.query as RequestTarget['query'] };
}

export function pickHeaders(headers: IncomingHttpHeaders, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string') picked[name] = value;
  }
  return picked;
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

/** Where clients find the id that `GET /v1/requests/{id}` takes. */
export function idHeaders({ requestIdHeader }: ClientProtocol, requestId: string): Record<string, string> {
  return { 'x-request-id': requestId, ...(requestIdHeader === undefined ? {} : { [requestIdHeader]: requestId }) };
}
