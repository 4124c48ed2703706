// Calls to the administration API of a running Sluice, for commands that change what its processes do. Also where the local
// Sluice, run by `sluice start`, listens and with which keys.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import type { Environment } from '../config/environment.ts';

export interface AdminClient {
  /** @param path below /admin. Throws an Error with a readable message if the call is refused or not answered. */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>;
}

export interface AdminOptions {
  baseUrl?: string;
}

const DEFAULT_PORT = 8080;

/** Files in the data directory of `sluice start`: the admin key that it created, and the address of the admin API. */
export const ADMIN_KEY_FILE = 'admin-key';
export const ADMIN_URL_FILE = 'admin-url';

/**
 * The address: `--base-url`, `SLUICE_ADMIN_URL`, `SLUICE_BASE_URL`, else the local Sluice. The key: `SLUICE_ADMIN_KEY`, for
 * the local Sluice also the one that `sluice start` keeps in its data directory.
 */
export function createAdminClient({ baseUrl }: AdminOptions, environment: Environment): AdminClient {
  const { SLUICE_ADMIN_URL: adminUrl, SLUICE_BASE_URL: clientUrl } = environment.variables;
  const given = baseUrl ?? (adminUrl || clientUrl || undefined);
  const root = (given ?? localAdminUrl(environment)).replace(/\/+$/, '').replace(/\/v1$/, '');
  // The local key is sent to the local Sluice only.
  const adminKey =
    environment.adminKey ??
    (given === undefined ? readLine(join(environment.dataDirectory, ADMIN_KEY_FILE)) : undefined);
  if (adminKey === undefined) throw new Error('set SLUICE_ADMIN_KEY to the admin key that Sluice was started with');
  return {
    async call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) {
      const answer = await request(`${root}/admin${path}`, {
        method,
        headers: {
          authorization: `Bearer ${adminKey}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }).catch((error: Error & { code?: string }) => {
        throw new Error(`${root} cannot be reached (${error.code ?? error.message}); --base-url names another server`);
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(messageOf(text, answer.statusCode));
      return JSON.parse(text) as T;
    },
  };
}

function localAdminUrl(environment: Environment): string {
  return readLine(join(environment.dataDirectory, ADMIN_URL_FILE)) ?? localUrl(environment);
}

/** Base URL for clients: written by `sluice start`; before its first start, where it would listen. */
export function localUrl({ dataDirectory, port }: Environment): string {
  return readLine(join(dataDirectory, 'url')) ?? `http://127.0.0.1:${port ?? DEFAULT_PORT}/v1`;
}

/** The client key that `sluice start` keeps in its data directory. */
export function localKey({ dataDirectory }: Environment): string | undefined {
  return readLine(join(dataDirectory, 'key'));
}

function readLine(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() || undefined : undefined;
}

function messageOf(text: string, status: number): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } };
    if (typeof error?.message === 'string') return error.message;
  } catch {
    // A proxy's page, most likely.
  }
  return `refused with ${status}: ${text.slice(0, 200)}`;
}
