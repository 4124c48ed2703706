// Authenticates clients. Runs before the body is read.
import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { type ApiKey, hashSecret } from '../../accounts/api-key.ts';
import type { KeyCache } from '../../accounts/key-cache.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { ClientProtocol } from '../../protocols/protocol.ts';
import { readTarget } from '../request-target.ts';

const BEARER = /^Bearer +(\S+)$/i;

export function bearerToken(headers: IncomingHttpHeaders): string | null {
  return BEARER.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** The key, from the places that this protocol's clients use, else a bearer token; null if there is none. */
export function readSecret(request: FastifyRequest, { credentialPlaces }: ClientProtocol): string | null {
  for (const place of credentialPlaces) {
    const value = 'header' in place ? request.headers[place.header] : readTarget(request).query[place.query];
    if (typeof value === 'string' && value !== '') return value;
  }
  return bearerToken(request.headers);
}

/** Everything in a request that could be a key, in any protocol. */
export function secretsOf(request: FastifyRequest): string[] {
  const { headers } = request;
  const places = [headers['x-api-key'], headers['x-goog-api-key'], readTarget(request).query.key, bearerToken(headers)];
  return places.filter((secret) => typeof secret === 'string');
}

/** Throws a FailureError for a missing, unknown or revoked key. */
export async function authenticate(secret: string | null, keys: KeyCache): Promise<ApiKey> {
  if (secret === null) {
    throw refused(
      "You didn't provide an API key. Send it in the Authorization header: 'Authorization: Bearer YOUR_KEY'.",
    );
  }
  const key = await keys.find(secret).catch((error: Error) => {
    throw new FailureError(
      createFailure('queue_unavailable', `Keys cannot be checked right now (${error.name}). Try again shortly.`, {
        retryAfterMs: 1_000,
      }),
    );
  });
  if (key === null)
    throw refused('The API key is unknown or has been revoked. Ask the operator of this Sluice for one.');
  return key;
}

export function isAdminKey(secret: string | null, adminKey: string | null): boolean {
  return secret !== null && adminKey !== null && timingSafeEqual(digest(secret), digest(adminKey));
}

function digest(secret: string): Buffer {
  return Buffer.from(hashSecret(secret), 'hex');
}

function refused(message: string): FailureError {
  return new FailureError(createFailure('key_invalid', message));
}
