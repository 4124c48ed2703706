// Routes a request to the part that answers it: the control API, a lookup, or a call to the engine.
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { answerControl, isControlPath } from '../control/answer-control.ts';
import type { Batches, CallRoute, Dialect, LookupRoute, RequestHead } from '../dialects/dialect.ts';
import type { Engine } from '../engine/engine.ts';
import { redactKey } from '../engine/records/request-log.ts';
import { type Refusal, RefusalError } from '../engine/refusal.ts';
import { Arrival } from '../engine/serving/arrival.ts';
import type { Exchange } from '../engine/serving/exchange.ts';
import { serveCall } from '../engine/serving/serve-call.ts';
import { HttpExchange } from './http-exchange.ts';
import type { RequestHandler } from './server.ts';

/** The first also answers unknown paths. */
export type Dialects = readonly [Dialect, ...Dialect[]];

export interface Simulation {
  engine: Engine;
  batches: Batches;
  dialects: Dialects;
}

export function createRequestHandler(simulation: Simulation): RequestHandler {
  const { engine } = simulation;
  return (request, response) => {
    const arrivedMs = engine.now();
    const head = readHead(request);
    const exchange = new HttpExchange(response);
    const onBody = (body: string | null) => {
      if (isControlPath(head.path)) answerControl(engine, head, body ?? '', exchange);
      else answerProvider(simulation, { head, exchange, arrivedMs }, body);
    };
    readBody(request, onBody, () => onBody(null));
  };
}

function readHead({ method, url, headers }: IncomingMessage): RequestHead {
  const target = url ?? '/';
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  return { method: method ?? 'GET', path, query: mark < 0 ? '' : target.slice(mark + 1), headers };
}

interface Arriving {
  head: RequestHead;
  exchange: Exchange;
  arrivedMs: number;
}

/** @param body null if it was too large. */
function answerProvider({ engine, batches, dialects }: Simulation, arriving: Arriving, body: string | null): void {
  const { head, exchange } = arriving;
  if (exchange.isClosed) return;
  const found = findRoute(dialects, head);
  const unique = randomUUID().replaceAll('-', '');
  const arrival = new Arrival({ engine, dialect: found?.dialect ?? dialects[0], unique, ...arriving });
  logRequest(arrival, body);
  try {
    checkCredential(arrival, found?.route);
    if (found === null) throw new RefusalError({ kind: 'route_missing', method: head.method, path: head.path });
    if (body === null) throw new RefusalError({ kind: 'body_too_large', limitBytes: MAX_BODY_BYTES });
    answerRoute(arrival, found.route, batches, body);
  } catch (error) {
    arrival.refuse(refusalOf(error));
  }
}

/** A bug of the simulator must not end the process it runs in, which may be a user's whole broker. */
function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  process.emitWarning(error instanceof Error ? error : String(error));
  return { kind: 'server_error' };
}

function findRoute(dialects: Dialects, head: RequestHead): { dialect: Dialect; route: CallRoute | LookupRoute } | null {
  for (const dialect of dialects) {
    const route = dialect.route(head);
    if (route !== null) return { dialect, route };
  }
  return null;
}

function logRequest({ engine, head, providerRequestId, arrivedMs }: Arrival, body: string | null): void {
  const path = head.query === '' ? head.path : `${head.path}?${head.query}`;
  const { method, headers } = head;
  engine.log.add({ providerRequestId, atMs: Math.floor(arrivedMs), method, path, headers, body: body ?? '' });
}

function checkCredential({ engine, dialect, head }: Arrival, route?: CallRoute | LookupRoute): void {
  const isAdministration = route?.kind === 'lookup' && route.isAdministration === true;
  const wanted = isAdministration ? engine.adminKey : engine.apiKey;
  if (wanted === null) return;
  const shown = dialect.readCredential(head);
  if (shown === null) throw new RefusalError({ kind: 'key_missing' });
  if (shown !== wanted) throw new RefusalError({ kind: 'key_wrong', shownKey: redactKey(shown) });
}

function answerRoute(arrival: Arrival, route: CallRoute | LookupRoute, batches: Batches, body: string): void {
  const { engine, head } = arrival;
  if (route.kind === 'lookup') {
    const { models } = engine.behaviour;
    const answer = route.answer({ head, body, models, provider: engine, batches, bill: engine.bill });
    if (answer === null) return arrival.exchange.reset();
    if ('kind' in answer) throw new RefusalError(answer);
    return arrival.answer(answer);
  }
  const { call, voice } = route.read(parseJson(body), head, engine);
  serveCall(arrival, call, voice);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RefusalError({ kind: 'body_malformed' });
  }
}

// Collects a request body up to a bound.

/** More than providers accept (Anthropic 32 MB, OpenAI 50 MB of inline files). */
export const MAX_BODY_BYTES = 64 * 1024 * 1024;

/** Calls one of the two once; neither if the client disconnects before the end. */
export function readBody(request: IncomingMessage, onBody: (text: string) => void, onTooLarge: () => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    else chunks.length = 0;
  });
  request.on('end', () => {
    if (bytes > MAX_BODY_BYTES) onTooLarge();
    else onBody(chunks.length === 1 ? chunks[0]!.toString() : Buffer.concat(chunks).toString());
  });
  // Without a listener, an aborted upload would be an uncaught error.
  request.on('error', () => {});
}
