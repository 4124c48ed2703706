// HTTP client for providers' batch APIs: a few calls a minute, some of them large.
import type { IncomingHttpHeaders } from 'node:http';
import { pipeline, type Readable } from 'node:stream';
import { Agent, request } from 'undici';
import type { Provider } from '#src/config/catalogue.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { createContentDecoder } from '#src/http/content-decoding.ts';
import { maskReadable } from '#src/http/mask-answer.ts';
import {
  type BatchCall,
  type BatchProtocol,
  type ProviderBatch,
  type ProviderLine,
  parseJson,
} from '#src/protocols/batch-protocol.ts';
import { credential, withQuery } from '#src/protocols/call/prepare-call.ts';
import type { ProviderProtocol } from '#src/protocols/protocol.ts';
import { findCredential } from '../../inference/credential-choice.ts';
import { joinPaths } from '../../inference/upstream.ts';

/** A provider account and the protocol of its batch API. */
export interface ProviderAccess {
  provider: Provider;
  /** Name of one of the provider's credentials; null if it has no choice of credentials. */
  credential: string | null;
  upstream: ProviderProtocol;
}

export interface ProviderClient {
  /** Returns the parsed body of a 2xx answer, or a failure. */
  ask(access: ProviderAccess, call: BatchCall, headers?: Readonly<Record<string, string>>): Promise<ProviderAnswer>;
  /** Streams the body of a 2xx answer. Throws a FetchFault for anything else. */
  open(access: ProviderAccess, call: BatchCall): Promise<Readable>;
  close(): Promise<void>;
}

export type ProviderAnswer = { kind: 'answered'; value: unknown } | { kind: 'failed'; failure: Failure };

/** Results could not be fetched; retried. */
class FetchFault extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'FetchFault';
    this.failure = failure;
  }
}

/** Long enough to upload 32 MB over a slow connection and have it validated. */
const CALL_LIMIT_MS = 120_000;
const IDLE_LIMIT_MS = 60_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const UNAUTHORIZED = 401;

/** @param signal aborts all calls in flight. */
export function createProviderClient(signal: AbortSignal): ProviderClient {
  const agent = new Agent({ bodyTimeout: IDLE_LIMIT_MS, headersTimeout: CALL_LIMIT_MS, connections: 4 });

  async function send(access: ProviderAccess, call: BatchCall, more: Readonly<Record<string, string>>) {
    const { provider, upstream } = access;
    const { origin, pathname } = new URL(provider.baseUrl);
    const { dialect } = provider;
    return request(`${origin}${joinPaths(pathname, withQuery(call.path, dialect.query))}`, {
      method: call.method,
      dispatcher: agent,
      signal,
      headers: {
        accept: 'application/json',
        ...(call.contentType === undefined ? {} : { 'content-type': call.contentType }),
        ...upstream.headers,
        ...credential(upstream.credentialHeaders, { ...dialect, apiKey: secretOf(access) }),
        ...more,
        ...provider.headers,
        'user-agent': 'sluice',
        'accept-encoding': 'identity',
      },
      body: call.body ?? null,
    });
  }

  /** If the secret was replaced after the call, it is read again and the call is repeated once. */
  async function sendRenewed(access: ProviderAccess, call: BatchCall, more: Readonly<Record<string, string>>) {
    const answer = await send(access, call, more);
    const used = findCredential(access.provider, access.credential ?? undefined);
    if (answer.statusCode !== UNAUTHORIZED || used === null) return answer;
    const before = used.secret();
    await used.renew();
    if (used.secret() === before) return answer;
    await answer.body.dump();
    return send(access, call, more);
  }

  function failureOf(
    { provider, upstream }: ProviderAccess,
    status: number,
    headers: IncomingHttpHeaders,
    body: Buffer,
  ) {
    const masked = provider.secrets.ofFailures.bytes(body);
    return {
      ...upstream.readFailure({ status, headers }, masked, Date.now()),
      upstreamStatus: status,
      provider: provider.name,
    };
  }

  return {
    async ask(access, call, headers = {}) {
      try {
        const answer = await sendRenewed(access, call, headers);
        const body = await collect(decoded(answer), MAX_ANSWER_BYTES);
        if (answer.statusCode < 300)
          return { kind: 'answered', value: parseJson(access.provider.secrets.ofAnswers.bytes(body)) };
        return { kind: 'failed', failure: failureOf(access, answer.statusCode, answer.headers, body) };
      } catch (error) {
        return { kind: 'failed', failure: unreachable(access, error as Error) };
      }
    },
    async open(access, call) {
      const answer = await send(access, call, {}).catch((error: Error) => {
        throw new FetchFault(unreachable(access, error));
      });
      if (answer.statusCode < 300) return maskReadable(access.provider.secrets, decoded(answer));
      const body = await collect(answer.body, MAX_ANSWER_BYTES);
      throw new FetchFault(failureOf(access, answer.statusCode, answer.headers, body));
    },
    close: () => agent.destroy(),
  };
}

/** Results of hundreds of megabytes may be compressed although it was not requested. Throws a ContentUnreadable. */
function decoded({ headers, body }: { headers: IncomingHttpHeaders; body: Readable }): Readable {
  const decoder = createContentDecoder(headers['content-encoding']);
  // Both ends are destroyed with either; the reader sees the error.
  return decoder === null ? body : pipeline(body, decoder, () => undefined);
}

/** Throws if there is more than `maxBytes`. */
async function collect(stream: Readable, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new RangeError(`the provider's response is larger than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function secretOf({ provider, credential: name }: ProviderAccess): string | null {
  const used = findCredential(provider, name ?? undefined);
  // While its secret cannot be read, no other account's is sent: that account's 404 would mean that the batch is gone.
  return used === null ? provider.dialect.apiKey : used.secret();
}

/** Whether the provider received the call is not known. */
function unreachable({ provider }: ProviderAccess, error: Error): Failure {
  const message = provider.secrets.ofFailures.text(`The provider could not be reached: ${error.message}.`);
  return createFailure('upstream_unreachable', message, { provider: provider.name });
}

/** A provider without result lines sends all results of a chunk in one document (Gemini; its chunks are small for that). */
const MAX_WHOLE_BYTES = 256 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * The results of a provider's batch, one by one while they are downloaded: a result file in lines is never whole in memory.
 * @param maxLineBytes longer lines are skipped: their answers exceed the broker's limit.
 */
export async function* fetchResults(
  client: ProviderClient,
  access: ProviderAccess,
  protocol: BatchProtocol,
  batch: ProviderBatch,
  maxLineBytes: number,
): AsyncGenerator<ProviderLine> {
  for (const call of protocol.results(batch)) {
    const stream = await client.open(access, call);
    if (protocol.resultFormat === 'whole') yield* protocol.readResults(await collect(stream, MAX_WHOLE_BYTES));
    else for await (const line of splitLines(stream, maxLineBytes)) yield* protocol.readResults(line);
  }
}

export async function* splitLines(stream: Readable, maxLineBytes: number): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  const take = (end: Buffer): Buffer | null => {
    const line = held.length === 0 ? end : Buffer.concat([...held, end]);
    const isTooLong = heldBytes + end.length > maxLineBytes;
    held = [];
    heldBytes = 0;
    return isTooLong || line.length === 0 ? null : line;
  };
  for await (const piece of stream as AsyncIterable<Buffer>) {
    let from = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, from)) {
      const line = take(piece.subarray(from, end));
      if (line !== null) yield line;
      from = end + 1;
    }
    heldBytes += piece.length - from;
    if (heldBytes <= maxLineBytes) held.push(piece.subarray(from));
    else held = [];
  }
  const last = take(Buffer.alloc(0));
  if (last !== null) yield last;
}
