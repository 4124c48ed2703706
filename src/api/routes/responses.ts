// Responses by id: the object, its input items, its stream again, cancellation, deletion. Running ones are in Redis, ended ones in
// SQL; clients see no difference.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import { describeItem, describePage, includeQuery, type PageQuery, pageOf, pageQuery } from '../../responses/items.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { checkInput } from '../admit/check-input.ts';
import { countInput } from '../admit/count-input.ts';
import { rethrow } from '../admit/dispatch.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import { expectFound, type FoundResponse, findResponse, inputOf, isUnderWay } from '../describe/find-response.ts';
import { sendResponse, streamResponse } from '../relay/background.ts';
import type { Relay } from '../relay/relay.ts';
import { OPENAI_PREFIXES, readTarget } from '../request-target.ts';

/** How long a cancellation is awaited, so that its answer can show the output so far. */
const CANCEL_PATIENCE_MS = 5_000;
/** A response that has just ended is still being written, together with its conversation's items. */
const WRITING_PATIENCE_MS = 2_000;
const POLL_MS = 50;
const DAY_MS = 24 * 3_600_000;

type ById = { Params: { id: string } };

export const retrieveQuery = includeQuery.extend({
  stream: z.enum(['true', 'false']).default('false'),
  starting_after: z.coerce.number().int().min(-1).default(-1),
  include_obfuscation: z.string().optional().describe('Accepted without effect.'),
});

export function registerResponses(app: FastifyInstance, context: ApiContext, relay: Relay): void {
  const config = { client: openaiResponsesClient };
  const onRequest = async (request: FastifyRequest) => {
    request.apiKey = await authenticate(readSecret(request, openaiResponsesClient), context.keys);
  };
  const options = { config, onRequest };

  for (const prefix of OPENAI_PREFIXES) {
    app.post(`${prefix}/responses/input_tokens`, options, async (request) =>
      countInput(context, request.apiKey!.id, await readBody(request.body), readTarget(request)),
    );
    app.get<ById>(`${prefix}/responses/:id`, options, (request, reply) => retrieve(context, relay, request, reply));
    app.delete<ById>(`${prefix}/responses/:id`, options, (request) => remove(context, request));
    app.post<ById>(`${prefix}/responses/:id/cancel`, options, (request, reply) => cancel(context, request, reply));
    app.get<ById>(`${prefix}/responses/:id/input_items`, options, (request) => listInput(context, request));
  }
}

async function find(context: ApiContext, { params, apiKey }: FastifyRequest<ById>): Promise<FoundResponse> {
  return expectFound(await findResponse(context, params.id, apiKey!.id), params.id);
}

async function retrieve(
  context: ApiContext,
  relay: Relay,
  request: FastifyRequest<ById>,
  reply: FastifyReply,
): Promise<unknown> {
  const { stream, starting_after: startingAfter } = checkInput(retrieveQuery, request.query);
  const found = await find(context, request);
  if (stream === 'false') return sendResponse(context, reply, found);
  return streamResponse(context, relay, { reply, id: request.params.id, found, startingAfter });
}

async function cancel(context: ApiContext, request: FastifyRequest<ById>, reply: FastifyReply): Promise<unknown> {
  const found = await find(context, request);
  const isBackground = found.kind === 'stored' ? found.stored.isBackground : found.spec.response?.isBackground === true;
  if (!isBackground) {
    const message = 'Cannot cancel a synchronous response: only those created with background can be cancelled.';
    throw new FailureError(createFailure('request_invalid', message, { param: 'id' }));
  }
  if (found.kind === 'live' && isUnderWay(found)) {
    context.cancel(found.spec);
    await until(CANCEL_PATIENCE_MS, async () => !isUnderWay(await find(context, request)));
  }
  return sendResponse(context, reply, await find(context, request));
}

async function remove(context: ApiContext, request: FastifyRequest<ById>): Promise<object> {
  const { id } = request.params;
  const found = await find(context, request);
  if (found.kind === 'live' && isUnderWay(found)) {
    if (found.spec.response?.isBackground === true) context.cancel(found.spec);
  } else await until(WRITING_PATIENCE_MS, async () => (await find(context, request)).kind === 'stored');
  const nowMs = Date.now();
  const expiresAtMs = nowMs + context.configuration.storage.responses_days * DAY_MS;
  await context.responses.delete(id, request.apiKey!.id, nowMs, expiresAtMs).catch(rethrow);
  return { id, object: 'response', deleted: true };
}

async function until(patienceMs: number, isDone: () => Promise<boolean>): Promise<void> {
  const untilMs = Date.now() + patienceMs;
  while (!(await isDone()) && Date.now() < untilMs) await new Promise((resolve) => setTimeout(resolve, POLL_MS));
}

async function listInput(context: ApiContext, request: FastifyRequest<ById>): Promise<object> {
  const query = checkInput(pageQuery, request.query);
  const found = await find(context, request);
  const unique = request.params.id.slice('resp_'.length);
  const items = inputOf(found).map((item, index) => describeItem(item, `${unique}i${index}`));
  return describePage(expectPage(items, query));
}

function expectPage(items: readonly JsonObject[], query: PageQuery) {
  const page = pageOf(items, query);
  if (page !== null) return page;
  const message = `No item with id '${query.after}' in this list.`;
  throw new FailureError(createFailure('request_invalid', message, { param: 'after' }));
}
