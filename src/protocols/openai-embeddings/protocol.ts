// OpenAI Embeddings, both faces: passed through, never translated. Limits and errors are those of Chat.
import { buildChatBody } from '../openai-chat/build-body.ts';
import { openaiChatClient, openaiChatProvider } from '../openai-chat/protocol.ts';
import type { ClientEndpoint, ClientProtocol, ProviderProtocol } from '../protocol.ts';
import { readEmbeddingsRequest } from './read-request.ts';
import { relayEmbeddings } from './relay-body.ts';

export const openaiEmbeddingsClient: ClientProtocol = {
  ...openaiChatClient,
  name: 'openai-embeddings',
  readRequest: readEmbeddingsRequest,
  passThrough: {
    upstream: 'openai-embeddings',
    operation: 'embed',
    buildBody: buildChatBody,
    openStream: () => {
      throw new Error('embeddings are never streamed');
    },
    relayBody: relayEmbeddings,
  },
  codec: null,
};

export const openaiEmbeddingsEndpoint: ClientEndpoint = {
  method: 'POST',
  paths: ['/v1/embeddings', '/v1/openai/embeddings'],
  summary: 'OpenAI Embeddings, by any configured model that makes them',
  errors: openaiEmbeddingsClient,
  select: () => openaiEmbeddingsClient,
};

export const openaiEmbeddingsProvider: ProviderProtocol = {
  ...openaiChatProvider,
  name: 'openai-embeddings',
  path: () => '/embeddings',
  codec: null,
};
