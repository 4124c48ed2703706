// Calls to the administration API of a running Sluice, for commands that change what its processes do. Also finds the address and
// the keys of the local Sluice, run by `sluice start`.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import createClient, { type Client } from 'openapi-fetch';
import type { Environment } from '../config/environment.ts';
import type { components, paths } from '../contracts/admin-api.ts';
import { ADMIN_URL_FILE } from './start/supervise.ts';

/** Its calls reject with a readable message if they are refused or not answered; `dataOf` returns the answer. */
export type AdminClient = Client<paths>;
/** Answers of the administration API, by name. */
export type AdminSchemas = components['schemas'];

export interface AdminOptions {
  baseUrl?: string;
}

const DEFAULT_PORT = 8080;

/** In the data directory of `sluice start`: the admin key that it created. */
export const ADMIN_KEY_FILE = 'admin-key';

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
  const client = createClient<paths>({ baseUrl: root, headers: { authorization: `Bearer ${adminKey}` } });
  client.use({
    async onResponse({ response }) {
      if (!response.ok) throw new Error(messageOf(await response.text(), response.status));
    },
    onError: ({ error }) =>
      new Error(`${root} cannot be reached (${causeOf(error)}); use --base-url for another server`),
  });
  return client;
}

export async function dataOf<T>(call: Promise<{ data?: T }>): Promise<T> {
  const { data } = await call;
  if (data === undefined) throw new Error('the response is empty');
  return data;
}

/** `fetch` names the reason in the cause of its error; of several addresses that were tried, in each of their errors. */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } };
  return cause?.code ?? cause?.message ?? message;
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
    // Most likely a proxy's page.
  }
  return `refused with ${status}: ${text.slice(0, 200)}`;
}
