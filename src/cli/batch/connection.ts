// Where `sluice batch` sends its calls and with which key. Any OpenAI-compatible server will do; without a word the one
// that `sluice start` runs on this machine.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../../config/environment.ts';
import { CommandError } from './exit-codes.ts';

export interface ConnectionOptions {
  baseUrl?: string;
  apiKey?: string;
}

export interface Connection {
  /** Without a slash at its end; carries the version segment: `…/v1`. */
  baseUrl: string;
  apiKey: string;
}

const OPENAI_HOST = 'api.openai.com';
const DEFAULT_PORT = 8080;

/**
 * The base URL: `--base-url`, `SLUICE_BASE_URL`, else the local Sluice. The key: `--api-key`, `SLUICE_API_KEY`, for the
 * local Sluice the key that `sluice start` keeps beside its data, then `OPENAI_API_KEY` (which comes first for OpenAI
 * itself). The local key is never sent anywhere else. Throws a CommandError that says what to set.
 */
export function resolveConnection(options: ConnectionOptions, environment: Environment): Connection {
  const { variables } = environment;
  const given = options.baseUrl ?? (variables.SLUICE_BASE_URL || undefined);
  const local = localBaseUrl(environment);
  const baseUrl = checkUrl(given ?? local);
  const isLocal = given === undefined || baseUrl === local;
  const candidates = [
    options.apiKey,
    ...(new URL(baseUrl).hostname === OPENAI_HOST ? [variables.OPENAI_API_KEY] : []),
    variables.SLUICE_API_KEY,
    isLocal ? readLine(join(environment.dataDirectory, 'key')) : undefined,
    variables.OPENAI_API_KEY,
  ];
  const apiKey = candidates.find((candidate) => candidate !== undefined && candidate !== '');
  if (apiKey !== undefined) return { baseUrl, apiKey };
  throw new CommandError(
    'input',
    `there is no key for ${baseUrl}: give --api-key or set SLUICE_API_KEY (or run \`sluice start\` here, which makes one)`,
  );
}

/** `sluice start` writes down where it listens; before its first start, where it would. */
function localBaseUrl(environment: Environment): string {
  return readLine(join(environment.dataDirectory, 'url')) ?? `http://127.0.0.1:${environment.port ?? DEFAULT_PORT}/v1`;
}

function readLine(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() || undefined : undefined;
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandError('input', `'${text}' is not a base URL; it looks like https://api.openai.com/v1`);
  }
  return text.replace(/\/+$/, '');
}
