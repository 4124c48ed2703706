// Calls to a server with OpenAI's Batch API: its address and key, retries where they are safe, error messages. The default
// server is the one that `sluice start` runs on this machine.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dispatcher, request } from 'undici';
import type { Environment } from '../../config/environment.ts';
import { localKey, localUrl } from '../admin-client.ts';
import { CommandError } from './exit-codes.ts';

export interface ConnectionOptions {
  baseUrl?: string;
  apiKey?: string;
}

export interface Connection {
  /** Includes the version segment, without a slash at the end: `…/v1`. */
  baseUrl: string;
  apiKey: string;
}

const OPENAI_HOST = 'api.openai.com';

/**
 * The base URL: `--base-url`, `SLUICE_BASE_URL`, else the local Sluice. The key: `--api-key`, `SLUICE_API_KEY`, for the
 * local Sluice the key that `sluice start` keeps in its data directory, then `OPENAI_API_KEY` (which comes first for OpenAI
 * itself). The local key is sent to the local Sluice only. Throws a CommandError that names the missing setting.
 */
export function resolveConnection(options: ConnectionOptions, environment: Environment): Connection {
  const { variables } = environment;
  const given = options.baseUrl ?? (variables.SLUICE_BASE_URL || undefined);
  const local = localUrl(environment);
  const baseUrl = checkUrl(given ?? local);
  const isLocal = given === undefined || baseUrl === local;
  const candidates = [
    options.apiKey,
    ...(new URL(baseUrl).hostname === OPENAI_HOST ? [variables.OPENAI_API_KEY] : []),
    variables.SLUICE_API_KEY,
    isLocal ? localKey(environment) : undefined,
    variables.OPENAI_API_KEY,
  ];
  const apiKey = candidates.find((candidate) => candidate !== undefined && candidate !== '');
  if (apiKey !== undefined) return { baseUrl, apiKey };
  throw new CommandError(
    'input',
    `no API key for ${baseUrl}: pass --api-key or set SLUICE_API_KEY (\`sluice start\` creates one)`,
  );
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new CommandError('input', `'${text}' is not a base URL such as https://api.openai.com/v1`);
  }
  return text.replace(/\/+$/, '');
}

export interface Call {
  method: 'GET' | 'POST';
  url: string;
  headers: Record<string, string>;
  /** Creates a new body for each try. */
  body?: () => string | AsyncIterable<Buffer>;
  /**
   * `always`: the call may be repeated. `unsent`: only if it certainly had no effect (no connection, or status 429 or 503),
   * because repeating it would create a second object.
   */
  retry: 'always' | 'unsent';
}

type Answer = Dispatcher.ResponseData;

const TRIES = 5;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 60_000;
/** An upload of gigabytes over a slow connection has no answer before its end. */
const HEADERS_TIMEOUT_MS = 600_000;
const UNSENT_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);
const BUSY_STATUSES: ReadonlySet<number> = new Set([429, 503]);
const MESSAGE_CHARS = 500;

/** Returns an answer whose status is below 300 or in `accepted`; its body must be read. Else throws a CommandError. */
export async function call(wanted: Call, accepted: readonly number[] = []): Promise<Answer> {
  for (let tryNumber = 1; ; tryNumber++) {
    const answer = await send(wanted).catch((error: Error & { code?: string }) => {
      const mayRepeat = wanted.retry === 'always' || UNSENT_CODES.has(error.code ?? '');
      // A refused connection is not retried: most often the address is wrong or the server is not running.
      if (!mayRepeat || tryNumber >= TRIES || error.code === 'ECONNREFUSED') throw unreachable(wanted, error);
      return null;
    });
    if (answer !== null && (answer.statusCode < 300 || accepted.includes(answer.statusCode))) return answer;
    const mayRepeat = answer === null || isWorthRepeating(wanted, answer);
    if (!mayRepeat || tryNumber >= TRIES) throw await refusalOf(wanted, answer!);
    await answer?.body.dump();
    await sleep(waitMs(answer, tryNumber));
  }
}

function send({ url, method, headers, body }: Call): Promise<Answer> {
  return request(url, {
    method,
    headers,
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: HEADERS_TIMEOUT_MS,
    ...(body === undefined ? {} : { body: body() as Dispatcher.DispatchOptions['body'] & string }),
  });
}

function isWorthRepeating({ retry }: Call, { statusCode, headers }: Answer): boolean {
  if (headers['x-should-retry'] === 'false') return false;
  return BUSY_STATUSES.has(statusCode) || (retry === 'always' && statusCode >= 500);
}

function waitMs(answer: Answer | null, tryNumber: number): number {
  const asked = Number(answer?.headers['retry-after']) * 1_000;
  const backoff = FIRST_WAIT_MS * 2 ** (tryNumber - 1) * (0.5 + Math.random());
  return Math.min(LONGEST_WAIT_MS, Math.max(Number.isFinite(asked) ? asked : 0, backoff));
}

function unreachable({ url }: Call, error: Error & { code?: string }): CommandError {
  const { origin } = new URL(url);
  const why = error.code ?? error.message;
  return new CommandError(
    'refused',
    `${origin} cannot be reached (${why}). Is it running (\`sluice start\`)? Use --base-url or SLUICE_BASE_URL for another server.`,
    true,
  );
}

async function refusalOf({ method, url }: Call, answer: Answer): Promise<CommandError> {
  const text = await answer.body.text().catch(() => '');
  const isTemporary = answer.statusCode >= 500 || BUSY_STATUSES.has(answer.statusCode);
  const what = `${method} ${new URL(url).pathname} was refused with ${answer.statusCode}: ${messageOf(text)}`;
  return new CommandError('refused', what + adviceFor(answer.statusCode), isTemporary);
}

/** The message of OpenAI's error shape, `{error:{message}}`, else the beginning of the text. */
function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } };
    if (typeof error?.message === 'string') return error.message;
  } catch {
    // Not JSON: most likely a proxy's page.
  }
  return text.slice(0, MESSAGE_CHARS) || 'no error message';
}

function adviceFor(status: number): string {
  switch (status) {
    case 401:
      return ' (the key is taken from --api-key, SLUICE_API_KEY, .sluice/key or OPENAI_API_KEY)';
    case 404:
      return ' (check that the base URL ends in /v1 and that the server supports batches)';
    default:
      return '';
  }
}
