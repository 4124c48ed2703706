// One turn of a WebSocket: an ordinary request with its own id, limits and ledger entries, whose stream goes to the socket. A
// stored response outlives the connection, as one with an Idempotency-Key does: for a while it can be resumed by
// GET /v1/responses/{id}?stream=true&starting_after=N.
import type { IncomingHttpHeaders } from 'node:http';
import type { ApiKey } from '../../accounts/api-key.ts';
import { createFailure, type Failure, FailureError, isFailure } from '../../contracts/failure.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import { editObject, memberBytes } from '../../protocols/wire/json-object.ts';
import { parseObject } from '../../protocols/wire/loose-json.ts';
import { emptyResponse } from '../../responses/describe-response.ts';
import { giveBack, type Prepared, planFor, prepareRequest, readAsked } from '../admit/accept-request.ts';
import { dispatch } from '../admit/dispatch.ts';
import type { ApiContext } from '../context.ts';
import { encodeFailureAnswer } from '../relay/failure-answer.ts';
import type { Relay, StreamView } from '../relay/relay.ts';
import type { ConnectionMemory } from './turn-memory.ts';
import { TurnSink, type TurnSinkOptions } from './turn-sink.ts';

export interface Turn {
  /** The event as the client sent it. */
  bytes: Buffer;
  value: JsonObject;
  streamId: string | null;
  previousResponseId: string | null;
}

export interface TurnRun extends Pick<TurnSinkOptions, 'socket'> {
  turn: Turn;
  key: ApiKey;
  headers: IncomingHttpHeaders;
  memory: ConnectionMemory;
  /** Called with the sink once it exists, so that the connection can report its end to it. */
  onSink: (sink: TurnSink) => void;
  /** The id of the response, if it was sent completely. */
  onResponseId: (responseId: string) => void;
}

/** Members of the event that are not part of the request. */
const ENVELOPE = ['type', 'stream_id', 'generate', 'background'] as const;
const NO_PREFERENCES = { isAsync: false, idempotency: null } as const;
const TARGET = { path: '/v1/responses', query: {} };

/** Resolves when the turn has ended and its client has been told how. Never rejects. */
export async function runTurn(context: ApiContext, relay: Relay, run: TurnRun): Promise<void> {
  let body: Buffer | null = null;
  const { turn, socket } = run;
  const sink = new TurnSink({
    socket,
    streamId: turn.streamId,
    onResponse: (response) => {
      if (body !== null) noteResponse(run, body, response);
    },
  });
  run.onSink(sink);
  try {
    const prepared = await prepareTurn(context, run);
    body = prepared.body;
    sink.requestId = prepared.spec.requestId;
    if (turn.value.generate === false) return showPrepared(context, sink, prepared);
    await answer(context, relay, sink, prepared);
  } catch (error) {
    sink.refuse(failureOf(context, error));
  }
}

async function prepareTurn(context: ApiContext, { turn, key, headers, memory }: TurnRun): Promise<Prepared> {
  if (turn.value.background === true) throw new FailureError(NO_BACKGROUND);
  const bytes = editObject(turn.bytes, { set: new Map([['stream', 'true']]), remove: ENVELOPE });
  const { type: _type, stream_id: _id, generate: _generate, background: _background, ...members } = turn.value;
  const caller = { key, headers };
  const body = { bytes, value: { ...members, stream: true } };
  const asked = await readAsked(context, caller, { client: openaiResponsesClient, target: TARGET, body });
  const plan = planFor(context, caller, asked);
  if (isFailure(plan)) throw new FailureError(plan);
  return prepareRequest(context, { caller, asked, plan, wish: NO_PREFERENCES, recall: (id) => memory.recall(id) });
}

async function answer(context: ApiContext, relay: Relay, sink: TurnSink, { spec, body }: Prepared): Promise<void> {
  const over = new Promise<void>((resolve) => sink.once('over', resolve));
  if (sink.destroyed) return giveBack(context, spec);
  const isStored = spec.response !== undefined && spec.response.keepMs !== null;
  const kept = isStored ? { ...spec, lifetime: 'resumable' as const } : spec;
  sink.requestId = kept.requestId;
  const headers = { 'x-request-id': kept.requestId };
  const reply = relay.open(kept, { response: sink, client: openaiResponsesClient, headers, view: VIEW });
  try {
    await dispatch(context, kept, body);
    // Departures are counted, so arrivals must be (with an Idempotency-Key the acceptance counts it).
    if (isStored) context.store.changeListeners(kept.requestId, 1).catch((error) => noteTrouble(context, error));
    reply.begin();
  } catch (error) {
    giveBack(context, spec);
    reply.refuse(failureOf(context, error));
  }
  await over;
}

/** The stream as it is; failures before it has begun are sent as socket errors. */
const VIEW: StreamView = {
  opening: Buffer.alloc(0),
  pass: (bytes) => bytes,
  end: (failure) => Buffer.from(`event: error\ndata: ${JSON.stringify(errorEvent(failure))}\n\n`),
};

function errorEvent(failure: Failure): JsonObject {
  const { status, headers, body } = encodeFailureAnswer(openaiResponsesClient, failure, '');
  const { 'content-type': _, ...said } = headers;
  return { type: 'error', status, ...parseObject(body.toString()), headers: said };
}

/** `generate: false`: stores a turn's input without generating output. No provider is called. */
function showPrepared(context: ApiContext, sink: TurnSink, { spec, body }: Prepared): void {
  giveBack(context, spec);
  const request = parseObject(body.toString()) ?? {};
  const created = { ...emptyResponse(spec, request, 'in_progress'), output: [] };
  const completed = { ...created, status: 'completed', completed_at: Math.floor(Date.now() / 1_000), usage: NO_USAGE };
  const events = [
    { type: 'response.created', sequence_number: 0, response: created },
    { type: 'response.completed', sequence_number: 1, response: completed },
  ];
  sink.write(Buffer.from(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')));
}

const NO_USAGE = {
  input_tokens: 0,
  input_tokens_details: { cached_tokens: 0 },
  output_tokens: 0,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 0,
};

/** Stored responses are found by id on any connection; others only on this one. */
function noteResponse({ memory, turn, onResponseId }: TurnRun, body: Buffer, response: Buffer): void {
  const id = parseObject(`{"id":${memberBytes(response, 'id')?.toString() ?? 'null'}}`)?.id;
  if (typeof id !== 'string') return;
  const isStored = memberBytes(response, 'store')?.toString() === 'true' && turn.value.generate !== false;
  if (!isStored) memory.keep(id, body, memberBytes(response, 'output') ?? Buffer.from('[]'));
  onResponseId(id);
}

function noteTrouble({ logger }: ApiContext, error: unknown): void {
  logger.warn({ err: error }, 'a listener was not counted');
}

export function failureOf({ logger }: ApiContext, error: unknown): Failure {
  if (error instanceof FailureError) return error.failure;
  logger.error({ err: error }, 'turn failed because of a bug');
  return createFailure('internal', 'Internal error in Sluice. The log has details under this request id.');
}

const NO_BACKGROUND = createFailure(
  'request_invalid',
  'Background responses cannot be created over WebSockets: use POST /v1/responses.',
  { param: 'background' },
);
