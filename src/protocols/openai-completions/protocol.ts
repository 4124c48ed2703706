// OpenAI's older completions, for clients that still use them; answered by models of all other protocols. No provider is called
// in this protocol, so there is no provider's face. Errors and keep-alives are those of Chat.
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
  summary: 'OpenAI’s legacy completions, streamed or not, with any configured model',
  errors: openaiCompletionsClient,
  select: () => openaiCompletionsClient,
};
