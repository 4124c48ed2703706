// One WebSocket of the Responses API. Every `response.create` is a turn; turns of one lane (`stream_id`, or none) run one after
// another, different lanes in parallel. Errors are sent as `error` events and do not close the connection.
//
// States: *open*; *old* at the end of its lifetime: it accepts no new turns and closes after the last one; *closed*.
import type { IncomingHttpHeaders } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { ApiKey } from '../../accounts/api-key.ts';
import type { WebSocketSettings } from '../../config/agent-schema.ts';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import { faultOfName } from '../../protocols/bounds/request-names.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { isObject } from '../../protocols/wire/loose-json.ts';
import { authenticate } from '../admit/authenticate.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import type { Relay } from '../relay/relay.ts';
import { SHUTTING_DOWN } from '../routes/inference.ts';
import { failureOf, runTurn, type Turn } from './run-turn.ts';
import type { ConnectionMemory } from './turn-memory.ts';
import { TurnSink } from './turn-sink.ts';

const MINUTE_MS = 60_000;
const MAX_STREAM_ID_CHARS = 128;
/** RFC 6455 section 7.4.1: going away. */
export const GOING_AWAY = 1001;
/** Unanswered pings before a connection is considered dead. */
const MISSED_PINGS = 4;

export interface ConnectionOptions {
  socket: WebSocket;
  /** Checked again at every turn: a key can be revoked while the connection is open. */
  secret: string | null;
  headers: IncomingHttpHeaders;
  memory: ConnectionMemory;
  settings: WebSocketSettings;
}

export class ResponsesConnection {
  readonly #context: ApiContext;
  readonly #relay: Relay;
  readonly #options: ConnectionOptions;
  /** Messages are processed one at a time. */
  #reading: Promise<void> = Promise.resolve();
  #unread = 0;
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #sinks = new Set<TurnSink>();
  /** Turns whose response has been sent, but which have not ended yet. */
  readonly #ending = new Map<string, Promise<void>>();
  #turns = 0;
  #bytes = 0;
  #missedPings = 0;
  #isOld = false;
  /** Closes after the last running turn. */
  #isLeaving = false;
  #isClosed = false;
  readonly #timers: NodeJS.Timeout[];

  constructor(context: ApiContext, relay: Relay, options: ConnectionOptions) {
    this.#context = context;
    this.#relay = relay;
    this.#options = options;
    const { socket, settings } = options;
    socket.on('message', (data, isBinary) => this.#take(data, isBinary));
    socket.on('pong', () => {
      this.#missedPings = 0;
    });
    socket.once('close', () => this.#onClosed());
    const { keep_alive_ms: pingMs } = context.configuration.server;
    this.#timers = [
      setTimeout(() => this.#grow(), settings.max_minutes * MINUTE_MS).unref(),
      setInterval(() => this.#ping(), pingMs).unref(),
    ];
  }

  #take(data: RawData, isBinary: boolean): void {
    const { socket } = this.#options;
    // Stop reading: further messages wait in the client's socket buffer.
    if (++this.#unread === 1) socket.pause();
    this.#reading = this.#reading.then(async () => {
      await this.#read(data as Buffer, isBinary);
      if (--this.#unread === 0) socket.resume();
    });
  }

  async #read(bytes: Buffer, isBinary: boolean): Promise<void> {
    if (this.#isClosed) return;
    const { body_limit_bytes: limit } = this.#context.configuration.server;
    let streamId: string | null = null;
    try {
      if (isBinary) throw refusal('request_malformed', 'Send events as text messages, each a JSON object.');
      if (bytes.length > limit) throw refusal('request_too_large', `The event is too large (limit: ${limit} bytes).`);
      const { value } = await readBody(bytes);
      if (!isObject(value)) throw refusal('request_malformed', 'An event must be a JSON object.');
      streamId = readStreamId(value);
      this.#accept(value, bytes, streamId);
    } catch (error) {
      this.#refuse(streamId, failureOf(this.#context, error));
    }
  }

  #accept(value: JsonObject, bytes: Buffer, streamId: string | null): void {
    switch (value.type) {
      case 'response.create': {
        const { previous_response_id: previous } = value;
        const previousResponseId = typeof previous === 'string' ? previous : null;
        return this.#queue({ bytes, value, streamId, previousResponseId });
      }
      case 'response.steer':
        return this.#refuseSteering(value, streamId);
      // Codex (0.171.0) acknowledges a response with it.
      case 'response.processed':
        return;
      default:
        throw refusal('request_invalid', "Invalid value for 'type': supported is 'response.create'.", 'type');
    }
  }

  /** Input cannot be added to a running request: the client keeps it and sends it with the next turn. */
  #refuseSteering({ previous_response_id: id, input }: JsonObject, streamId: string | null): void {
    const message = 'Input cannot be added to a running response; send it with the next response.create.';
    this.#sinkFor(streamId).send({
      type: 'response.steer.failed',
      sequence_number: 0,
      error: { code: 'steering_not_supported', message },
      steer: { previous_response_id: id ?? null, input: input ?? null },
    });
  }

  #queue(turn: Turn): void {
    const { turns_per_connection: most } = this.#options.settings;
    const { body_limit_bytes: mostBytes } = this.#context.configuration.server;
    if (this.#isOld) throw new FailureError(this.#tooOld());
    if (this.#turns >= most || (this.#turns > 0 && this.#bytes + turn.bytes.length > mostBytes)) {
      throw refusal(
        'key_rate_limited',
        `Too many turns are waiting on this connection (${this.#turns}); wait until some of them have ended.`,
      );
    }
    this.#turns += 1;
    this.#bytes += turn.bytes.length;
    const lane = turn.streamId ?? '';
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const done: Promise<void> = before.then(() => this.#run(turn)).then(() => this.#onTurnOver(turn, done));
    this.#lanes.set(lane, done);
  }

  #onTurnOver(turn: Turn, done: Promise<void>): void {
    const lane = turn.streamId ?? '';
    this.#turns -= 1;
    this.#bytes -= turn.bytes.length;
    if (this.#lanes.get(lane) === done) this.#lanes.delete(lane);
    if (this.#turns > 0) return;
    if (this.#isOld) this.#end();
    else if (this.#isLeaving) this.#close();
  }

  async #run(turn: Turn): Promise<void> {
    // A turn that continues one of another lane may arrive before that one has ended.
    await this.#ending.get(turn.previousResponseId ?? '');
    if (this.#isClosed) return;
    try {
      await this.#runAs(await this.#authenticate(), turn);
    } catch (error) {
      this.#refuse(turn.streamId, failureOf(this.#context, error));
    }
  }

  async #runAs(key: ApiKey, turn: Turn): Promise<void> {
    const { socket, headers, memory } = this.#options;
    const sinks: TurnSink[] = [];
    const ids: string[] = [];
    const over = Promise.withResolvers<void>();
    const onSink = (sink: TurnSink) => {
      sinks.push(sink);
      this.#sinks.add(sink);
    };
    const onResponseId = (id: string) => {
      ids.push(id);
      this.#ending.set(id, over.promise);
    };
    await runTurn(this.#context, this.#relay, { turn, key, socket, headers, memory, onSink, onResponseId });
    for (const sink of sinks) this.#sinks.delete(sink);
    for (const id of ids) this.#ending.delete(id);
    over.resolve();
  }

  /** Throws a FailureError. */
  async #authenticate(): Promise<ApiKey> {
    if (this.#context.isClosing()) throw new FailureError(SHUTTING_DOWN);
    return authenticate(this.#options.secret, this.#context.keys);
  }

  #refuse(streamId: string | null, failure: Failure): void {
    this.#sinkFor(streamId).refuse(failure);
    // If the client reconnects, another process answers it, or it gets a 401.
    if (failure.code === 'shutting_down' || failure.code === 'key_invalid') this.#isLeaving = true;
  }

  #sinkFor(streamId: string | null): TurnSink {
    const { socket } = this.#options;
    return new TurnSink({ socket, streamId, onResponse: () => undefined });
  }

  #ping(): void {
    const { socket } = this.#options;
    // A client with unsent data is slow, not dead.
    if (socket.bufferedAmount > 0) return;
    if (this.#missedPings++ >= MISSED_PINGS) return socket.terminate();
    socket.ping();
  }

  #grow(): void {
    this.#isOld = true;
    if (this.#turns === 0) this.#end();
  }

  #end(): void {
    this.#refuse(null, this.#tooOld());
    this.#close();
  }

  /** OpenAI's error; Codex recognises its code and reconnects. */
  #tooOld(): Failure {
    const { max_minutes: minutes } = this.#options.settings;
    const message = `Responses websocket connection limit reached (${minutes} minutes). Create a new websocket connection to continue.`;
    return createFailure('websocket_connection_limit_reached', message);
  }

  #close(): void {
    this.#options.socket.close(GOING_AWAY);
  }

  #onClosed(): void {
    this.#isClosed = true;
    const [age, ping] = this.#timers;
    clearTimeout(age);
    clearInterval(ping);
    for (const sink of this.#sinks) sink.leave();
    this.#options.memory.close();
  }
}

function readStreamId({ stream_id: id }: JsonObject): string | null {
  if (id === undefined || id === null) return null;
  const fault = typeof id === 'string' ? faultOfName(id, MAX_STREAM_ID_CHARS) : 'be a string';
  if (fault === null && id !== '') return id as string;
  throw refusal('request_invalid', `Invalid value for 'stream_id': it must ${fault ?? 'not be empty'}.`, 'stream_id');
}

function refusal(code: Failure['code'], message: string, param?: string): FailureError {
  return new FailureError(createFailure(code, message, param === undefined ? {} : { param }));
}
