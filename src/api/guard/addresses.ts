// Bounds for one client address before it has authenticated: concurrent connections, and wrong keys per minute. Behind a proxy
// all clients share its address, so both bounds are wide, and keys that are already cached are not affected.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { LRUCache } from 'lru-cache';
import { atMost } from '../../contracts/cache-size.ts';
import { createFailure, type Failure } from '../../contracts/failure.ts';

export interface ConnectionLimits {
  /** Concurrent connections of one address. */
  connections: number;
  isProxy: (address: string) => boolean;
}

export interface AddressLimits {
  /** Wrong keys of one address per minute; beyond that, keys that are not cached are not looked up. */
  wrongKeys: number;
}

export interface AddressGuard {
  /** Null if keys from this address may be looked up. */
  refusal(address: string): Failure | null;
  noteWrongKey(address: string): void;
}

const MINUTE_MS = 60_000;
const MAX_ADDRESSES = 20_000;

export function guardAddresses({ wrongKeys }: AddressLimits): AddressGuard {
  const wrong = new LRUCache<string, { count: number; untilMs: number }>(atMost(MAX_ADDRESSES));
  return {
    refusal(address) {
      const seen = wrong.get(address);
      if (seen === undefined || seen.count < wrongKeys || Date.now() > seen.untilMs) return null;
      const message = 'Too many wrong API keys came from this address. Try again in a minute with a valid key.';
      return createFailure('too_many_wrong_keys', message, { retryAfterMs: seen.untilMs - Date.now() });
    },
    noteWrongKey(address) {
      const now = Date.now();
      const seen = wrong.get(address);
      if (seen === undefined || now > seen.untilMs) wrong.set(address, { count: 1, untilMs: now + MINUTE_MS });
      else seen.count += 1;
    },
  };
}

/** Closes connections beyond the limit when they are opened. Trusted proxies are exempt: they carry all clients' connections. */
export function limitConnections(server: Server, { connections, isProxy }: ConnectionLimits): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    if (isProxy(address)) return;
    const count = (open.get(address) ?? 0) + 1;
    if (count > connections) return socket.destroy();
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left <= 0) open.delete(address);
      else open.set(address, left);
    });
  });
}
