// The response of one WebSocket turn: every event of the stream becomes a message; keep-alives are dropped, since the connection
// has its own pings. Errors, before or within the stream, become `error` events.
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { createFailure, type Failure } from '../../contracts/failure.ts';
import { FAILURES } from '../../contracts/failure-table.ts';
import { createSortableId } from '../../contracts/ids.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import { editObject, isObjectBytes, memberBytes } from '../../protocols/wire/json-object.ts';
import { parseObject } from '../../protocols/wire/loose-json.ts';
import { type SseEvent, SseSplitter } from '../../protocols/wire/sse-splitter.ts';
import { encodeFailureAnswer } from '../relay/failure-answer.ts';
import type { ReplySink } from '../relay/relay.ts';

/** Unsent bytes at which the turn stops writing; a slow client's frames wait in the log. */
const HIGH_WATER_BYTES = 1024 * 1024;
const LOW_WATER_BYTES = 256 * 1024;

const ENDS = new Set(['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled', 'error']);

export interface TurnSinkOptions {
  socket: WebSocket;
  /** The client's lane; repeated in its events. */
  streamId: string | null;
  /** The final response, as JSON text. */
  onResponse: (response: Buffer) => void;
}

export class TurnSink extends EventEmitter implements ReplySink {
  readonly #options: TurnSinkOptions;
  readonly #splitter = new SseSplitter();
  #needsDrain = false;
  #hasEnded = false;
  headersSent = false;
  statusCode = 200;
  #headers: Record<string, string | number> = {};
  destroyed = false;
  /** Included in errors. */
  requestId = `req_${createSortableId()}`;

  constructor(options: TurnSinkOptions) {
    super();
    this.#options = options;
  }

  get writableNeedDrain(): boolean {
    return this.#needsDrain;
  }

  writeHead(status: number, headers: Record<string, string | number> = {}): this {
    this.headersSent = true;
    this.statusCode = status;
    this.#headers = headers;
    return this;
  }

  flushHeaders(): void {}

  write(bytes: Buffer): boolean {
    for (const event of this.#splitter.push(bytes)) this.#show(event);
    return !this.#needsDrain;
  }

  end(bytes?: Buffer): this {
    if (this.statusCode >= 400 && bytes !== undefined) {
      this.#sendError(this.statusCode, parseObject(bytes.toString()), this.#headers);
    } else if (bytes !== undefined) this.write(bytes);
    if (!this.#hasEnded) this.refuse(CUT);
    this.emit('over');
    return this;
  }

  /** The turn was refused; its only event is the error. */
  refuse(failure: Failure): void {
    const { status, headers, body } = encodeFailureAnswer(openaiResponsesClient, failure, this.requestId);
    this.#sendError(status, parseObject(body.toString()), { 'x-request-id': this.requestId, ...headers });
  }

  send(event: JsonObject): void {
    this.#sendText(Buffer.from(JSON.stringify(event)));
  }

  destroy(): this {
    this.#options.socket.terminate();
    return this;
  }

  /** The connection has closed. */
  leave(): void {
    this.destroyed = true;
    this.emit('close');
    this.emit('over');
  }

  #show({ data, name }: SseEvent): void {
    const bytes = Buffer.from(data ?? '');
    if (!isObjectBytes(bytes)) return;
    // Only the events that may end a turn are parsed.
    const type = name ?? (JSON.parse(memberBytes(bytes, 'type')?.toString() ?? 'null') as unknown);
    if (type === 'error') return this.#sendStreamError(parseObject(bytes.toString()) ?? {});
    if (ENDS.has(String(type))) this.#note(String(type), bytes);
    this.#sendText(bytes);
  }

  #note(type: string, event: Buffer): void {
    this.#hasEnded = true;
    const response = memberBytes(event, 'response');
    const isWhole = type === 'response.completed' || type === 'response.incomplete';
    if (isWhole && response !== null) this.#options.onResponse(response);
  }

  /**
   * In both known forms at once: flat, as in a stream over HTTP, and with `status` and `error`, as for socket errors.
   * Codex (0.171.0) ignores an error without a status and waits for its own timeout.
   */
  #sendStreamError(event: JsonObject): void {
    const { code = null, message = '', param = null } = event;
    const nested = typeof event.error === 'object' ? event.error : null;
    const status = typeof event.status === 'number' ? event.status : statusOfCode(code);
    const type = status < 500 ? 'invalid_request_error' : 'server_error';
    this.#hasEnded = true;
    const headers = { 'x-request-id': this.requestId, ...(event.headers as JsonObject | undefined) };
    this.send({ ...event, type: 'error', status, error: nested ?? { type, code, message, param }, headers });
  }

  /** @param headers those of the same answer over HTTP: how long to wait, the request's id. */
  #sendError(status: number, body: JsonObject | null, headers: Record<string, string | number>): void {
    const { 'content-type': _, 'content-length': __, ...said } = headers;
    this.#hasEnded = true;
    this.send({
      type: 'error',
      status,
      error: body?.error ?? { type: 'server_error', code: null, message: 'The request failed.', param: null },
      headers: Object.fromEntries(Object.entries(said).map(([name, value]) => [name, String(value)])),
    });
  }

  #sendText(event: Buffer): void {
    const { socket, streamId } = this.#options;
    const marked =
      streamId === null ? event : editObject(event, { set: new Map([['stream_id', JSON.stringify(streamId)]]) });
    socket.send(marked.toString(), () => this.#onSent());
    this.#needsDrain ||= socket.bufferedAmount > HIGH_WATER_BYTES;
  }

  #onSent(): void {
    if (!this.#needsDrain || this.#options.socket.bufferedAmount > LOW_WATER_BYTES) return;
    this.#needsDrain = false;
    this.emit('drain');
  }
}

const CUT = createFailure('stream_interrupted', 'The response ended before it was complete.');

const STATUS_BY_CODE = new Map(
  Object.entries(FAILURES).map(([code, rule]) => [
    (rule as { wireCode?: string | null }).wireCode ?? code,
    rule.status,
  ]),
);

function statusOfCode(code: unknown): number {
  return STATUS_BY_CODE.get(String(code)) ?? 500;
}
