// Calls to the administration of a running Sluice, for commands that change what its processes do.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { request } from 'undici';
import type { Environment } from '../config/environment.ts';

export interface AdminClient {
  /** @param path behind /admin. Throws an Error in words for a refusal, and where nobody answers. */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>;
}

export interface AdminOptions {
  baseUrl?: string;
}

const DEFAULT_PORT = 8080;

/** The address: `--base-url`, `SLUICE_BASE_URL`, else the Sluice that runs here. The key: `SLUICE_ADMIN_KEY`. */
export function createAdminClient({ baseUrl }: AdminOptions, environment: Environment): AdminClient {
  const address = baseUrl ?? (environment.variables.SLUICE_BASE_URL || localUrl(environment));
  const root = address.replace(/\/+$/, '').replace(/\/v1$/, '');
  const { adminKey } = environment;
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

/** `sluice start` writes down where it listens. */
function localUrl({ dataDirectory, port }: Environment): string {
  const path = join(dataDirectory, 'url');
  const written = existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
  return written === '' ? `http://127.0.0.1:${port ?? DEFAULT_PORT}` : written;
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
