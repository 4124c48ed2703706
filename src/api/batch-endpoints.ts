// Endpoints that lines of a batch may ask: every one that gives an answer to a body alone.
import type { ClientProtocol } from '../protocols/protocol.ts';
import { CLIENT_ENDPOINTS } from '../protocols/registry.ts';

/** The protocol of a path that clients know; null where batches cannot have it. */
export function batchEndpoint(path: string): ClientProtocol | null {
  const endpoint = CLIENT_ENDPOINTS.find(({ paths }) => paths[0] === path);
  const client = endpoint?.select({ path, query: {} }) ?? null;
  return client === null || client.passThrough.operation === 'count-tokens' ? null : client;
}

export function batchEndpointPaths(): string[] {
  return CLIENT_ENDPOINTS.flatMap(({ paths }) => {
    const [path] = paths;
    return path !== undefined && batchEndpoint(path) !== null ? [path] : [];
  });
}
