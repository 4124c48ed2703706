// Stored chat completions are not supported. The error says so, and names the Responses API, which stores answers.
import type { FastifyInstance } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { openaiChatClient } from '../../protocols/openai-chat/protocol.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import type { ApiContext } from '../context.ts';
import { OPENAI_PREFIXES } from '../request-target.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** False for routes that only report that nothing is there; their methods do not count for `allow`. */
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
  'Chat completions are not stored here, even with store. Use the Responses API for stored responses (GET /v1/responses/{id}). GET /v1/requests/{id} returns the state of any request by its x-request-id.',
);
