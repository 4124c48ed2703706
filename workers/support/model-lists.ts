// Fetches model lists of this worker's providers when API processes request them: only workers have the providers' keys.
import { request } from 'undici';
import type { Provider } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { UpstreamModel } from '#src/contracts/upstream-model.ts';
import { credential, withQuery } from '#src/protocols/call/prepare-call.ts';
import type { ProviderProtocol } from '#src/protocols/protocol.ts';
import { modelListCall, readModelList } from '#src/protocols/read-model-list.ts';
import { providerProtocol } from '#src/protocols/registry.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import { createModelLists } from '#src/storage/model-lists.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { Logger } from '#src/telemetry/logger.ts';

const TIMEOUT_MS = 10_000;
/** OpenRouter's list of some hundred models has a megabyte. */
const MAX_BYTES = 16 * 1024 * 1024;

export interface ModelListServer {
  redis: RedisClient;
  subscription: RedisClient;
  keyspace: Keyspace;
  /** Undefined for providers that this worker does not serve. */
  findProvider: (name: string) => Provider | undefined;
  /** Whether it is out of rotation or on hold. */
  isOut: (credential: Credential) => boolean;
  logger: Logger;
}

/** Serves until the connections are closed. */
export async function serveModelLists({ redis, subscription, keyspace, findProvider, isOut, logger }: ModelListServer) {
  const lists = createModelLists(redis, keyspace);

  async function serve(provider: Provider): Promise<void> {
    if (await lists.takeWish(provider.name)) await lists.write(provider.name, await fetchModelList(provider, isOut));
  }

  subscription.on('smessage', (channel: string, name: string) => {
    const provider = channel === keyspace.modelsChannel ? findProvider(name) : undefined;
    if (provider === undefined) return;
    serve(provider).catch((error: Error) => {
      logger.warn({ provider: name, reason: error.message }, 'the provider’s list of models could not be read');
    });
  });
  await subscription.ssubscribe(keyspace.modelsChannel);
}

/** Uses the first of its credentials that is accepted. Rejects with a message without secrets. */
export async function fetchModelList(provider: Provider, isOut: ModelListServer['isOut']): Promise<UpstreamModel[]> {
  const secrets = secretsOf(provider, isOut);
  for (const [index, secret] of secrets.entries()) {
    const answer = await ask(provider, secret);
    if (answer.status === 200) return readModelList(JSON.parse(answer.text));
    const isLast = index === secrets.length - 1;
    if (isLast || !OF_CREDENTIAL.has(answer.status)) throw new Error(`it responded with ${answer.status}`);
  }
  throw new Error('none of its credentials can be read');
}

/** Statuses that concern the credential, not the list. */
const OF_CREDENTIAL: ReadonlySet<number> = new Set([401, 402, 403, 429]);

/** Credentials that are out of rotation come last: they may still be allowed to read the list. */
function secretsOf({ credentials, dialect }: Provider, isOut: ModelListServer['isOut']): (string | null)[] {
  if (credentials.length === 0) return [dialect.apiKey];
  const readable = credentials.filter((credential) => credential.secret() !== null);
  const inOrder = [...readable.filter((one) => !isOut(one)), ...readable.filter(isOut)];
  return inOrder.map((credential) => credential.secret());
}

async function ask(provider: Provider, secret: string | null): Promise<{ status: number; text: string }> {
  const name = provider.protocols[0]!;
  const call = modelListCall(name);
  const url = `${provider.baseUrl}${withQuery(call.path, provider.dialect.query)}`;
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const { statusCode, body } = await request(url, {
    headers: headersFor(provider, providerProtocol(name), secret),
    signal,
  });
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of body as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_BYTES) throw new Error(`its list is larger than ${MAX_BYTES} bytes`);
    pieces.push(piece);
  }
  return { status: statusCode, text: Buffer.concat(pieces).toString() };
}

function headersFor(provider: Provider, { name, headers, credentialHeaders }: ProviderProtocol, apiKey: string | null) {
  return {
    accept: 'application/json',
    'user-agent': 'sluice',
    ...headers,
    ...modelListCall(name).headers,
    ...credential(credentialHeaders, { ...provider.dialect, apiKey }),
    ...provider.headers,
  };
}
