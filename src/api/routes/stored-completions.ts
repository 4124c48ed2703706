// Stored chat completions: there are none here. A client that asks for them is told so, and where what is stored can be found.
import type { FastifyInstance } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { openaiChatClient } from '../../protocols/openai-chat/protocol.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import type { ApiContext } from '../context.ts';
import { OPENAI_PREFIXES } from '../request-target.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** False: it only says that there is nothing; its methods are none that its path takes. */
    isOffered?: boolean;
  }
}

const PATHS = ['', '/:id', '/:id/messages'] as const;

export function registerStoredCompletions(app: FastifyInstance, context: ApiContext): void {
  for (const prefix of OPENAI_PREFIXES) {
    for (const path of PATHS) {
      app.route({
        method: path === '/:id' ? ['GET', 'POST', 'DELETE'] : ['GET'],
        url: `${prefix}/chat/completions${path}`,
        config: { client: openaiChatClient, isOffered: false },
        onRequest: async (request) => {
          request.apiKey = await authenticate(readSecret(request, openaiChatClient), context.keys);
        },
        handler: async () => {
          throw new FailureError(NONE);
        },
      });
    }
  }
}

const NONE = createFailure(
  'request_not_found',
  'Chat completions are not stored here, whatever store says: use the Responses API, whose responses are (GET /v1/responses/{id}). GET /v1/requests/{id} tells what became of any request, by its x-request-id.',
);
