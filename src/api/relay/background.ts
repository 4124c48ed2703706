// Background responses: acknowledged at once, retrievable at any time, streamable from any event on.
import type { FastifyReply } from 'fastify';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import type { RequestSpec } from '../../contracts/request-record.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { parseEvent } from '../../protocols/openai-responses/events.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import { parseMessage } from '../../protocols/wire/exact-json.ts';
import { type SseEvent, SseSplitter } from '../../protocols/wire/sse-splitter.ts';
import { emptyResponse, endMembers, OPENING_EVENTS, ResponseFold } from '../../responses/describe-response.ts';
import { responseIdOf } from '../../responses/items.ts';
import { rethrow } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { describeFound, expectFound, type FoundResponse, findResponse, queuedForm } from '../describe/find-response.ts';
import type { Joining } from './join.ts';
import type { Relay, StreamView } from './relay.ts';

export function isAnsweredAtOnce({ response, isStream }: RequestSpec): boolean {
  return response?.isBackground === true && !isStream;
}

/** How its creator sees the stream; null for other requests. */
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

/** For a client that repeats a request with the same idempotency key. */
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
  /** Sequence number of the last event that the client has; -1 for none. */
  startingAfter: number;
}

/** Streams the events after a given one, past and future. Throws a FailureError if the response has no stream. */
export async function streamResponse(
  context: ApiContext,
  relay: Relay,
  { reply, id, found, startingAfter }: Streaming,
): Promise<void> {
  const requestId = found.kind === 'stored' ? found.stored.requestId : found.spec.requestId;
  const view = await context.store.read(requestId).catch(rethrow);
  const isBackground = isStreamed(found);
  if (!isBackground && !isResumable(view?.spec))
    throw notStreamed(
      `Response '${id}' cannot be streamed: it was not created with stream, in the background or as resumable.`,
    );
  if (view === null)
    throw notStreamed(`The events of response '${id}' are no longer stored; retrieve it without stream.`);
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

/** Streams that outlive their connection: of requests with an Idempotency-Key, and of WebSocket turns. */
function isResumable(spec: RequestSpec | undefined): boolean {
  return spec?.isStream === true && spec.lifetime === 'resumable';
}

function notStreamed(message: string): FailureError {
  return new FailureError(createFailure('request_invalid', message, { param: 'stream' }));
}

/**
 * The stream of a background response as one client sees it: it begins before any provider is called, can be resumed after any
 * event, and ends with an event for success or failure.
 */
export class ResponseView implements StreamView {
  readonly opening: Buffer;
  readonly #queued: JsonObject;
  readonly #startingAfter: number;
  readonly #fold = new ResponseFold();
  readonly #splitter = new SseSplitter();

  /**
   * @param queued the response in its initial state
   * @param startingAfter sequence number of the last event that the client has; -1 for none
   * @param opens whether the broker itself has begun the stream, before any provider was called
   */
  constructor(queued: JsonObject, startingAfter: number, opens = true) {
    this.#queued = queued;
    this.#startingAfter = startingAfter;
    const opening = opens ? OPENING_EVENTS : [];
    const events = opening.map((type, number) => writeEvent(type, number, { response: queued }));
    this.opening = Buffer.concat(events.slice(startingAfter + 1));
  }

  pass(bytes: Buffer): Buffer {
    return Buffer.concat(this.#splitter.push(bytes).map((event) => this.#show(event)));
  }

  end(failure: Failure): Buffer {
    return this.#end(failure.code, failure.message);
  }

  #show(event: SseEvent): Buffer {
    const parsed = parseEvent(event);
    if (parsed?.type === 'error') return this.#end(String(parsed.code), String(parsed.message));
    this.#fold.accept(event);
    return this.#fold.lastSequence > this.#startingAfter ? event.raw : Buffer.alloc(0);
  }

  /** The SDKs' types have no event for a cancellation; this is the name of its webhook event. */
  #end(outcome: string, message: string): Buffer {
    const ending = endMembers(outcome, message);
    const { id } = this.#queued;
    const response = { ...this.#queued, ...this.#fold.response, id, output: this.#fold.output, ...ending };
    const number = Math.max(this.#fold.lastSequence + 1, OPENING_EVENTS.length);
    return writeEvent(`response.${ending.status}`, number, { response });
  }
}

function writeEvent(type: string, number: number, members: JsonObject): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...members })}\n\n`);
}
