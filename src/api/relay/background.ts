// Background responses: answered at once with what they are, asked after at any time, streamed from any event on.
import type { FastifyReply } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import { parseMessage } from '../../protocols/wire/exact-json.ts';
import { emptyResponse } from '../../responses/describe-response.ts';
import { responseIdOf } from '../../responses/items.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { describeFound, expectFound, type FoundResponse, findResponse, queuedForm } from '../describe/find-response.ts';
import type { Joining } from './join.ts';
import type { Relay, StreamView } from './relay.ts';
import { ResponseView } from './response-view.ts';

export function isAnsweredAtOnce({ response, isStream }: RequestSpec): boolean {
  return response?.isBackground === true && !isStream;
}

/** How the client that made it sees its stream; null for every other request. */
export function backgroundView(spec: RequestSpec, body: Buffer): StreamView | null {
  if (spec.response?.isBackground !== true || !spec.isStream) return null;
  return new ResponseView(emptyResponse(spec, parse(body), 'queued'), -1);
}

export function sendQueued(reply: FastifyReply, spec: RequestSpec, body: Buffer): FastifyReply {
  return reply.send(emptyResponse(spec, parse(body), 'queued'));
}

function parse(body: Buffer): JsonObject {
  return parseMessage(body.toString()) as JsonObject;
}

/** For a client that makes a request again, by the same idempotency key. */
export async function joinBackground(
  context: ApiContext,
  relay: Relay,
  { request, reply, requestId }: Omit<Joining, 'wish'>,
): Promise<unknown> {
  const id = responseIdOf(requestId);
  const found = expectFound(await findResponse(context, id, request.apiKey!.id), id);
  reply.headers({ 'x-request-id': requestId, 'x-sluice-replayed': 'true' });
  if (isStreamed(found)) return streamResponse(context, relay, { reply, id, found, startingAfter: -1 });
  return sendResponse(context, reply, found);
}

export async function sendResponse(context: ApiContext, reply: FastifyReply, found: FoundResponse) {
  const { response } = await describeFound(context, found);
  return reply.type('application/json; charset=utf-8').send(response);
}

function isStreamed(found: FoundResponse): boolean {
  const { isBackground, isStream } =
    found.kind === 'stored'
      ? found.stored
      : { isBackground: found.spec.response?.isBackground === true, isStream: found.spec.isStream };
  return isBackground && isStream;
}

export interface Streaming extends Pick<Joining, 'reply'> {
  id: string;
  found: FoundResponse;
  /** Number of the last event that the client has; -1 for none. */
  startingAfter: number;
}

/** What was said after an event, and what will be. Throws a FailureError where there is no stream. */
export async function streamResponse(
  context: ApiContext,
  relay: Relay,
  { reply, id, found, startingAfter }: Streaming,
): Promise<void> {
  const requestId = found.kind === 'stored' ? found.stored.requestId : found.spec.requestId;
  const view = await context.store.read(requestId).catch(rethrow);
  const isBackground = isStreamed(found);
  if (!isBackground && !isResumable(view?.spec))
    throw notStreamed(`Response '${id}' was not created with stream, in the background or to be resumed.`);
  if (view === null)
    throw notStreamed(`The events of response '${id}' are not kept any more; retrieve it without stream.`);
  const { spec } = view;
  reply.hijack();
  relay.open(
    spec,
    {
      response: reply.raw,
      client: openaiResponsesClient,
      headers: { ...(reply.getHeaders() as Record<string, string>), 'x-request-id': requestId },
      view: new ResponseView(queuedForm(found), startingAfter, isBackground),
    },
    { joins: spec.inbox === context.instanceId ? 'here' : 'elsewhere' },
  );
}

/** Streams that outlive their connection: of a request with an Idempotency-Key, of a turn of a WebSocket. */
function isResumable(spec: RequestSpec | undefined): boolean {
  return spec?.isStream === true && spec.lifetime === 'resumable';
}

function notStreamed(message: string): FailureError {
  return new FailureError(createFailure('request_invalid', message, { param: 'stream' }));
}
