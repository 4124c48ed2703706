// OpenAI's older completions, for the clients that still speak it: answered by models of every other protocol. No provider
// is asked in it, so there is no provider's face; errors and keep-alives are those of Chat.
import { openaiChatClient } from '../openai-chat/protocol.ts';
import type { ClientEndpoint, ClientProtocol } from '../protocol.ts';
import { CompletionEncoder, encodeCompletion, resumeCompletionStream } from './answer.ts';
import { completionsFieldName, decodeCompletionsRequest, readCompletionsRequest } from './request.ts';

export const openaiCompletionsClient: ClientProtocol = {
  ...openaiChatClient,
  name: 'openai-completions',
  readRequest: readCompletionsRequest,
  passThrough: { ...openaiChatClient.passThrough, upstream: 'openai-completions', operation: 'generate' },
  codec: {
    decodeRequest: decodeCompletionsRequest,
    fieldName: completionsFieldName,
    encodeAnswer: encodeCompletion,
    openEncoder: (context) => new CompletionEncoder(context),
    resumeEncoder: resumeCompletionStream,
  },
};

export const openaiCompletionsEndpoint: ClientEndpoint = {
  method: 'POST',
  paths: ['/v1/completions', '/v1/openai/completions'],
  summary: 'OpenAI’s older completions, streamed or not, by any configured model',
  errors: openaiCompletionsClient,
  select: () => openaiCompletionsClient,
};
