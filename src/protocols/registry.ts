// Every protocol the broker speaks. Adding one is a folder, a fixture file, and its lines here
// (docs/adding-a-protocol.md).

import { anthropicMessagesBatch } from './anthropic-messages/batch.ts';
import {
  anthropicCountTokensClient,
  anthropicMessagesClient,
  anthropicMessagesEndpoints,
  anthropicMessagesProvider,
} from './anthropic-messages/protocol.ts';
import type { BatchProtocol } from './batch-protocol.ts';
import type { TranslationPair } from './codec.ts';
import { geminiGenerateContentBatch } from './gemini-generate-content/batch.ts';
import {
  geminiArrayClient,
  geminiClient,
  geminiCountTokensClient,
  geminiEndpoints,
  geminiProvider,
} from './gemini-generate-content/protocol.ts';
import { openaiChatBatch, openaiEmbeddingsBatch, openaiResponsesBatch } from './openai/batch.ts';
import { openaiChatClient, openaiChatEndpoint, openaiChatProvider } from './openai-chat/protocol.ts';
import { openaiCompletionsClient, openaiCompletionsEndpoint } from './openai-completions/protocol.ts';
import {
  openaiEmbeddingsClient,
  openaiEmbeddingsEndpoint,
  openaiEmbeddingsProvider,
} from './openai-embeddings/protocol.ts';
import { openaiCompactClient, openaiCompactEndpoint } from './openai-responses/compact.ts';
import {
  openaiResponsesClient,
  openaiResponsesEndpoint,
  openaiResponsesProvider,
} from './openai-responses/protocol.ts';
import type { ClientEndpoint, ClientProtocol, ProviderProtocol } from './protocol.ts';

const CLIENTS: ReadonlyMap<string, ClientProtocol> = byName([
  openaiChatClient,
  openaiResponsesClient,
  openaiCompactClient,
  openaiCompletionsClient,
  openaiEmbeddingsClient,
  anthropicMessagesClient,
  anthropicCountTokensClient,
  geminiClient,
  geminiArrayClient,
  geminiCountTokensClient,
]);
const PROVIDERS: ReadonlyMap<string, ProviderProtocol> = byName([
  openaiChatProvider,
  openaiResponsesProvider,
  openaiEmbeddingsProvider,
  anthropicMessagesProvider,
  geminiProvider,
]);

export const CLIENT_ENDPOINTS: readonly ClientEndpoint[] = [
  openaiChatEndpoint,
  openaiResponsesEndpoint,
  openaiCompactEndpoint,
  openaiCompletionsEndpoint,
  openaiEmbeddingsEndpoint,
  ...anthropicMessagesEndpoints,
  ...geminiEndpoints,
];

/** How a request in one client protocol can be sent in a provider's. */
export interface ProtocolRoute {
  client: ClientProtocol;
  upstream: ProviderProtocol;
  /** Null if nothing is translated. */
  pair: TranslationPair | null;
}

export function clientProtocol(name: string): ClientProtocol {
  const found = CLIENTS.get(name);
  if (found === undefined) throw new Error(`no client protocol ${name}`);
  return found;
}

/** For names from a validated configuration, whose protocols all exist. */
export function providerProtocol(name: string): ProviderProtocol {
  const found = PROVIDERS.get(name);
  if (found === undefined) throw new Error(`no provider protocol ${name}`);
  return found;
}

/** Pass-through where the provider speaks the client's protocol, else by the first of its protocols; null for neither. */
export function findProtocolRoute(clientName: string, providerProtocols: readonly string[]): ProtocolRoute | null {
  const client = clientProtocol(clientName);
  if (providerProtocols.includes(client.passThrough.upstream)) {
    const upstream = PROVIDERS.get(client.passThrough.upstream);
    if (upstream !== undefined) return { client, upstream, pair: null };
  }
  if (client.codec === null) return null;
  for (const name of providerProtocols) {
    const upstream = PROVIDERS.get(name);
    if (upstream?.codec) return { client, upstream, pair: { client: client.codec, upstream: upstream.codec } };
  }
  return null;
}

function byName<T extends { name: string }>(protocols: readonly T[]): ReadonlyMap<string, T> {
  return new Map(protocols.map((protocol) => [protocol.name, protocol]));
}

// Every provider batch API that the broker speaks, by its provider protocol.
const BATCHES: ReadonlyMap<string, BatchProtocol> = new Map(
  [
    openaiChatBatch,
    openaiResponsesBatch,
    openaiEmbeddingsBatch,
    anthropicMessagesBatch,
    geminiGenerateContentBatch,
  ].map((protocol) => [protocol.upstream, protocol]),
);

/** Null for a protocol without batches. */
export function findBatchProtocol(upstream: string): BatchProtocol | null {
  return BATCHES.get(upstream) ?? null;
}
