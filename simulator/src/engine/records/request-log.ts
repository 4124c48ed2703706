// The last requests as received, so that a test can check what was sent upstream. Credentials are redacted.
import type { IncomingHttpHeaders } from 'node:http';

export interface LoggedRequest {
  /** `x-request-id` of its answer. */
  providerRequestId: string;
  atMs: number;
  method: string;
  path: string;
  headers: Record<string, string>;
  /** The body's text, cut at MAX_KEPT_BODY_CHARS. */
  body: string;
  isBodyCut: boolean;
}

export interface ArrivedRequest extends Omit<LoggedRequest, 'headers' | 'isBodyCut'> {
  headers: IncomingHttpHeaders;
}

/** Only the beginning of larger bodies is kept, which identifies them. */
export const MAX_KEPT_BODY_CHARS = 256 * 1024;
/** Bounds the log together with the number of requests that the options keep. */
export const MAX_KEPT_REQUESTS = 10_000;

const SECRET_HEADERS = new Set(['authorization', 'x-api-key', 'api-key', 'x-goog-api-key']);
const SECRET_QUERY = /([?&](?:key|api_key)=)[^&]*/gi;
const MASK = '********';
const SHOWN_PREFIX_CHARS = 3;
const SHOWN_SUFFIX_CHARS = 4;
/** Of a shorter key, the shown characters would be too large a part. */
const LEAST_SHOWN_KEY_CHARS = 12;

export class RequestLog {
  readonly #capacity: number;
  #requests: ArrivedRequest[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Does not redact yet, because most requests leave the log before it is read. */
  add(request: ArrivedRequest): void {
    if (this.#capacity === 0) return;
    this.#requests.push(
      request.body.length > MAX_KEPT_BODY_CHARS ? { ...request, body: beginning(request.body) } : request,
    );
    // Dropped in bulk: shifting a long array for every request would cost more than answering it.
    if (this.#requests.length >= 2 * this.#capacity) this.#requests = this.#requests.slice(-this.#capacity);
  }

  /** Oldest first. */
  list(): LoggedRequest[] {
    return this.#requests.slice(-this.#capacity || this.#requests.length).map(show);
  }

  clear(): void {
    this.#requests = [];
  }
}

/** One character more than is shown, which marks it as cut. Copied, because a slice would keep the whole text alive. */
function beginning(body: string): string {
  return Buffer.from(body.slice(0, MAX_KEPT_BODY_CHARS + 1)).toString();
}

function show(request: ArrivedRequest): LoggedRequest {
  const headers = Object.entries(request.headers).map(([name, value]) => {
    const text = Array.isArray(value) ? value.join(', ') : (value ?? '');
    return [name, SECRET_HEADERS.has(name) ? redactKey(text) : text];
  });
  return {
    ...request,
    path: request.path.replace(SECRET_QUERY, '$1[redacted]'),
    headers: Object.fromEntries(headers),
    body: request.body.slice(0, MAX_KEPT_BODY_CHARS),
    isBodyCut: request.body.length > MAX_KEPT_BODY_CHARS,
  };
}

/** Enough is left to tell two keys apart; written as OpenAI shows a key that it refuses. */
export function redactKey(text: string): string {
  const scheme = /^(Bearer|Basic) /i.exec(text)?.[0] ?? '';
  const key = text.slice(scheme.length);
  if (key.length < LEAST_SHOWN_KEY_CHARS) return scheme + MASK;
  return scheme + key.slice(0, SHOWN_PREFIX_CHARS) + MASK + key.slice(-SHOWN_SUFFIX_CHARS);
}
