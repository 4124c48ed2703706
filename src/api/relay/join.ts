// A client that joins an existing request, by the same idempotency key or by its id.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { turnOf } from '../../limits/permit-terms.ts';
import { clientProtocol } from '../../protocols/registry.ts';
import type { RequestView } from '../../reply/request-store.ts';
import { stepAt } from '../../routing/walk.ts';
import type { Wish } from '../admit/create-spec.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { answerHeadersOf, idHeaders } from '../request-target.ts';
import type { Relay } from './relay.ts';
import { readResumePoint } from './resume-point.ts';

export interface Joining {
  request: FastifyRequest;
  reply: FastifyReply;
  wish: Pick<Wish, 'isAsync'>;
  requestId: string;
}

/** Sends the answer so far, then the rest as it arrives. Throws a FailureError (404) for a request that is no longer kept. */
export async function join(
  context: ApiContext,
  relay: Relay,
  { request, reply, wish, requestId }: Joining,
): Promise<unknown> {
  const view = await context.store.read(requestId).catch(rethrow);
  if (view === null || view.spec.keyId !== request.apiKey?.id) throw new FailureError(requestNotFound(requestId));
  if (view.state === 'queued') await queueAgain(context, view);
  if (wish.isAsync) return sendAccepted(reply, requestId);
  const after = readResumePoint(request);
  const { spec } = view;
  const client = clientProtocol(spec.protocol);
  const headers = { ...idHeaders(client, requestId), 'x-sluice-replayed': 'true' };
  if (after !== undefined && view.state === 'done') {
    const rest = await context.replyLog.readAfter(requestId, after, 1).catch(rethrow);
    // The log after it may begin with a fence, which is not a frame.
    if (rest.scannedTo === after)
      return reply
        .code(200)
        .headers({ ...headers, ...client.streamHeaders })
        .send('');
  }
  reply.hijack();
  relay.open(
    spec,
    { response: reply.raw, client, headers: { ...answerHeadersOf(reply), ...headers } },
    { joins: spec.inbox === context.instanceId ? 'here' : 'elsewhere', ...(after === undefined ? {} : { after }) },
  );
  return undefined;
}

/**
 * An API process that died between writing the record and adding the job has left a request without a job. Adding the same job
 * twice has no effect.
 */
async function queueAgain(context: ApiContext, { spec, step, progress }: RequestView): Promise<void> {
  const { provider, deployment } = stepAt(spec.plan, step, progress);
  const turn = spec.lane === 'interactive' ? turnOf(spec, context.catalogue.deployments.get(deployment)) : undefined;
  await context.producer.enqueue(provider, spec.lane, { requestId: spec.requestId, step }, turn).catch(rethrow);
}

export function requestNotFound(requestId: string) {
  const message = `There is no request '${requestId}', or its response is no longer stored.`;
  return createFailure('request_not_found', message, { param: 'id' });
}

/** RFC 9110 section 15.3.3: where the request's state can be read. */
export function sendAccepted(reply: FastifyReply, requestId: string): FastifyReply {
  const location = `/v1/requests/${requestId}`;
  return reply
    .code(202)
    .headers({ location, 'x-request-id': requestId, 'preference-applied': 'respond-async', 'retry-after': '1' })
    .send({ id: requestId, object: 'request', status: 'queued', url: location });
}
