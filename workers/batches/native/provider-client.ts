// HTTP to the providers' batch APIs: a few calls a minute, some of them large.
import type { IncomingHttpHeaders } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { Agent, request } from 'undici';
import type { Provider } from '#src/config/catalogue.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { type BatchCall, parseJson } from '#src/protocols/batch-protocol.ts';
import { credential, withQuery } from '#src/protocols/prepare-call.ts';
import type { ProviderProtocol } from '#src/protocols/protocol.ts';
import { createContentDecoder } from '../../inference/decode-content.ts';
import { joinPaths } from '../../inference/upstream.ts';

/** One provider account as its batch API is reached. */
export interface ProviderAccess {
  provider: Provider;
  upstream: ProviderProtocol;
}

export interface ProviderClient {
  /** The parsed body of a 2xx answer; a failure for everything else. */
  ask(access: ProviderAccess, call: BatchCall, headers?: Readonly<Record<string, string>>): Promise<ProviderAnswer>;
  /** The bytes of a 2xx answer as they come. Throws a FetchFault for everything else. */
  open(access: ProviderAccess, call: BatchCall): Promise<Readable>;
  close(): Promise<void>;
}

export type ProviderAnswer = { kind: 'answered'; value: unknown } | { kind: 'failed'; failure: Failure };

/** A result that could not be fetched; it is tried again. */
export class FetchFault extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'FetchFault';
    this.failure = failure;
  }
}

/** A chunk of 32 MB over a slow line, and the provider's own look at it. */
const CALL_LIMIT_MS = 120_000;
const IDLE_LIMIT_MS = 60_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

/** @param signal ends everything that is under way. */
export function createProviderClient(signal: AbortSignal): ProviderClient {
  const agent = new Agent({ bodyTimeout: IDLE_LIMIT_MS, headersTimeout: CALL_LIMIT_MS, connections: 4 });

  async function send({ provider, upstream }: ProviderAccess, call: BatchCall, more: Readonly<Record<string, string>>) {
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
        ...credential(upstream.credentialHeaders, dialect),
        ...more,
        ...provider.headers,
        'user-agent': 'sluice',
        'accept-encoding': 'identity',
      },
      body: call.body ?? null,
    });
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
        const answer = await send(access, call, headers);
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
      if (answer.statusCode < 300) return withoutSecrets(decoded(answer), access.provider);
      const body = await collect(answer.body, MAX_ANSWER_BYTES);
      throw new FetchFault(failureOf(access, answer.statusCode, answer.headers, body));
    },
    close: () => agent.destroy(),
  };
}

/** Results of hundreds of megabytes may come compressed all the same. Throws a ContentUnreadable. */
function decoded({ headers, body }: { headers: IncomingHttpHeaders; body: Readable }): Readable {
  const decoder = createContentDecoder(headers['content-encoding']);
  // Both ends are destroyed with either; the reader sees the error.
  return decoder === null ? body : pipeline(body, decoder, () => undefined);
}

function withoutSecrets(body: Readable, { secrets }: Provider): Readable {
  const pieces = secrets.ofAnswers.open();
  if (pieces === null) return body;
  return Readable.from(
    (async function* masked() {
      for await (const piece of body as AsyncIterable<Buffer>) yield pieces.push(piece);
      yield pieces.end();
    })(),
    { objectMode: false },
  );
}

/** Throws when there is more than `maxBytes`. */
export async function collect(stream: Readable, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > maxBytes) throw new RangeError(`the provider's answer is larger than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Whether the provider has taken the call nobody knows. */
function unreachable({ provider }: ProviderAccess, error: Error): Failure {
  const message = provider.secrets.ofFailures.text(`The provider could not be reached: ${error.message}.`);
  return createFailure('upstream_unreachable', message, { provider: provider.name });
}
