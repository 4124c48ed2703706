// Requests by id: state and timeline, the answer's stream again, cancellation.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { isRequestId } from '../../contracts/ids.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import { findRequest } from '../../ledger/request-history.ts';
import { openaiChatClient } from '../../protocols/openai-chat/protocol.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { describeRequest } from '../describe/describe-request.ts';
import { join, requestNotFound } from '../relay/join.ts';
import type { Relay } from '../relay/relay.ts';

/** How long a cancellation is awaited, so that its answer can show the request's cost. */
const CANCEL_PATIENCE_MS = 5_000;
const CANCEL_POLL_MS = 50;

type ById = { Params: { id: string } };

export function registerRequests(app: FastifyInstance, context: ApiContext, relay: Relay): void {
  const config = { client: openaiChatClient };
  const onRequest = async (request: FastifyRequest) => {
    request.apiKey = await authenticate(readSecret(request, openaiChatClient), context.keys);
  };

  app.get<ById>('/v1/requests/:id', { config, onRequest }, async (request) => describe(context, request));

  app.get<ById>('/v1/requests/:id/stream', { config, onRequest }, async (request, reply) =>
    join(context, relay, { request, reply, wish: { isAsync: false }, requestId: idOf(request) }),
  );

  app.post<ById>('/v1/requests/:id/cancel', { config, onRequest }, async (request) => {
    const view = await context.store.read(idOf(request)).catch(rethrow);
    if (view !== null && view.spec.keyId !== request.apiKey!.id) throw notFound(request);
    if (view !== null && view.state !== 'done') await cancelAndWait(context, view.spec);
    return describe(context, request);
  });
}

/** Waits for the outcome in the books; after the timeout the request is shown as `cancelling`. */
async function cancelAndWait(context: ApiContext, spec: RequestSpec): Promise<void> {
  context.cancel(spec, { isAwaited: true });
  const untilMs = Date.now() + CANCEL_PATIENCE_MS;
  while (Date.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, CANCEL_POLL_MS));
    if ((await findRequest(context.database, spec.requestId)) !== null) return;
  }
}

async function describe(context: ApiContext, request: FastifyRequest<ById>): Promise<object> {
  const described = await describeRequest(context, idOf(request), request.apiKey!.id);
  if (described === null) throw notFound(request);
  return described;
}

function idOf(request: FastifyRequest<ById>): string {
  const { id } = request.params;
  if (!isRequestId(id)) {
    const message = `'${id}' is not a request id; request ids begin with req_ and are in the x-request-id header of every response.`;
    throw new FailureError(createFailure('request_not_found', message, { param: 'id' }));
  }
  return id;
}

function notFound(request: FastifyRequest<ById>): FailureError {
  return new FailureError(requestNotFound(request.params.id));
}
