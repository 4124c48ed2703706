// One call to one provider: sends the request, relays the answer to the client, and returns the result. Never throws for
// anything a provider or a network can do; does not retry, does not bill.
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { withPrompt } from '#src/accounts/request-cost.ts';
import type { Deployment } from '#src/config/catalogue.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { ruleOf } from '#src/contracts/failure-table.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import type { UpstreamRequest } from '#src/protocols/call/prepare-call.ts';
import {
  type ClientProtocol,
  isFree,
  type ProviderProtocol,
  type RateLimitHint,
  type RelayContext,
  type StreamRelay,
  type Translation,
} from '#src/protocols/protocol.ts';
import { FILTERED, isFilteredAnswer } from '#src/protocols/providers/filtered-answer.ts';
import { quotasOf } from '#src/protocols/providers/quotas.ts';
import { endedEvent, isJson, saidBy } from '#src/protocols/wire/event-data.ts';
import {
  EventTooLarge,
  type SseEvent,
  SseSplitter,
  splitEvents,
  withoutSteering,
} from '#src/protocols/wire/sse-splitter.ts';
import type { ReplyWriter } from '#src/reply/publisher.ts';
import { AttemptClock, type Expiry, silenceLimits } from './attempt-clock.ts';
import {
  describeExpiry,
  describeNetworkError,
  EVENT_TOO_LARGE,
  maskFailure,
  NOT_UTF8,
  notAStream,
  tooLarge,
} from './network-failures.ts';
import type { Upstream, UpstreamCall } from './upstream.ts';

export interface AttemptInput {
  attemptId: string;
  spec: RequestSpec;
  deployment: Deployment;
  request: UpstreamRequest;
  client: ClientProtocol;
  upstream: ProviderProtocol;
  translation: Translation;
  context: RelayContext;
  writer: ReplyWriter;
  /** Client-visible headers of the answer, in addition to its content type. */
  answerHeaders(): Record<string, string>;
  /** Streamed events carry their ids. */
  hasEventIds: boolean;
  maxAnswerBytes: number;
  /** A stream is sent to the client once it has this many tokens. */
  holdBackTokens: number;
  signal: AttemptSignal;
  /** Another step could answer instead: the provider may be silent for a shorter time. */
  hasAlternative: boolean;
  /** Treat an answer that the provider's filter has emptied as a failure: another provider may be asked. */
  leavesFiltered: boolean;
  /** The content of the answer has begun. Called at most once. */
  onBegun: () => void;
  onBug: (error: Error) => void;
}

/** Allows the owner of the request to stop its running attempt. At most one listener. */
export interface AttemptSignal {
  readonly failure: Failure | null;
  onAbort: ((failure: Failure) => void) | null;
}

export interface AttemptOutcome {
  failure: Failure | null;
  /** What the provider will bill, as far as is known. */
  usage: Usage;
  firstByteMs: number | null;
  /** Time to the first content of the answer; null if there was none, or it was not streamed. */
  firstTokenMs: number | null;
  durationMs: number;
  /** How a stream grew (attempt-clock.ts). */
  samples: AttemptClock['samples'];
  rateLimits: RateLimitHint | null;
}

export function runAttempt(input: AttemptInput, upstream: Upstream): Promise<AttemptOutcome> {
  return new Promise((resolve) => new AttemptRun(input, resolve).start(upstream));
}

/**
 * States of a run: waiting (nothing received), then streaming (events are relayed) or collecting (a whole body), then over.
 * Every exit passes through `#finish`, once.
 */
class AttemptRun {
  readonly #input: AttemptInput;
  readonly #resolve: (outcome: AttemptOutcome) => void;
  readonly #startedAtMs = Date.now();
  readonly #clock: AttemptClock;
  #call: UpstreamCall | null = null;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #rateLimits: RateLimitHint | null = null;
  #stream: { splitter: SseSplitter; relay: StreamRelay } | null = null;
  #collected: Buffer[] = [];
  /** Events without content, held until there is content (or the end). */
  #preamble: Buffer[] = [];
  #answerBytes = 0;
  #firstByteMs: number | null = null;
  #firstTokenMs: number | null = null;
  #hasBegun = false;
  #isOver = false;

  constructor(input: AttemptInput, resolve: (outcome: AttemptOutcome) => void) {
    this.#input = input;
    this.#resolve = resolve;
    const { deployment, spec, hasAlternative } = input;
    const timeouts = silenceLimits(deployment, spec.isStream, hasAlternative);
    this.#clock = new AttemptClock({ timeouts, deadlineAtMs: spec.deadlineAtMs }, (expiry) => this.#expire(expiry));
  }

  start(upstream: Upstream): void {
    const { signal, deployment, request, attemptId } = this.#input;
    if (signal.failure !== null) return this.#finish(signal.failure);
    signal.onAbort = (failure) => this.#giveUp(failure);
    this.#call = upstream.send(deployment.provider, request, attemptId, {
      onHead: (status, headers) => this.#guard(() => this.#onHead(status, headers)),
      onData: (chunk) => this.#guard(() => this.#onData(chunk)),
      onEnd: () => this.#guard(() => this.#onEnd()),
      onError: (error) => this.#guard(() => this.#onError(error)),
    });
  }

  /** A bug in a relay must end one request, not the connection pool. */
  #guard(step: () => void): void {
    if (this.#isOver) return;
    try {
      step();
    } catch (error) {
      if (error instanceof EventTooLarge) return this.#giveUp(EVENT_TOO_LARGE);
      this.#input.onBug(error as Error);
      this.#finish(createFailure('internal', 'Sluice could not read the provider’s response because of a bug.'));
    }
  }

  #onHead(status: number, headers: IncomingHttpHeaders): void {
    const { upstream, spec, translation, context } = this.#input;
    this.#status = status;
    this.#headers = headers;
    this.#rateLimits = upstream.readRateLimits({ status, headers }, Date.now());
    const isJson = /json/i.test(headers['content-type'] ?? '');
    if (status < 300 && spec.isStream && !isJson) {
      this.#stream = { splitter: new SseSplitter(), relay: translation.openStream(context) };
    } else this.#noteFirstByte();
  }

  #onData(chunk: Buffer): void {
    this.#clock.activity();
    this.#answerBytes += chunk.length;
    if (this.#isRefusal()) return this.#collectRefusal(chunk);
    if (this.#answerBytes > this.#input.maxAnswerBytes) return this.#giveUp(tooLarge(this.#input.maxAnswerBytes));
    if (this.#stream === null) this.#collected.push(chunk);
    else this.#relayChunk(chunk, this.#stream);
  }

  #isRefusal(): boolean {
    return this.#status >= 300 || this.#status < 200;
  }

  #collectRefusal(chunk: Buffer): void {
    this.#collected.push(chunk);
    if (this.#answerBytes > MAX_ERROR_BYTES) this.#finish(this.#readFailure());
  }

  #relayChunk(chunk: Buffer, stream: { splitter: SseSplitter; relay: StreamRelay }): void {
    const { relay } = stream;
    for (const event of this.#eventsIn(chunk, stream.splitter)) {
      if (!isUtf8(event.raw)) return this.#giveUp(NOT_UTF8);
      if (saidBy(event) !== null) this.#noteFirstByte();
      const { bytes, isPreamble, failure } = relay.accept(event);
      if (event.data !== null && this.#isFiltered(event.data)) return this.#finish(FILTERED);
      if (bytes !== null && !isPreamble && failure === undefined) this.#noteBegun();
      if (bytes !== null && this.#isHeldBack(relay, isPreamble)) this.#preamble.push(bytes);
      else if (bytes !== null) this.#write(bytes);
      if (failure !== undefined) return this.#finish(failure);
    }
    if (this.#hasBegun) this.#clock.sample(() => relay.usage().outputTokens);
    if (relay.isOver()) return this.#endStream(stream);
    if (relay.isComplete()) this.#clock.complete();
    this.#applyBackpressure();
  }

  #isFiltered(data: string | Buffer): boolean {
    const { leavesFiltered, upstream } = this.#input;
    return leavesFiltered && !this.#hasBegun && isFilteredAnswer(upstream.name, data);
  }

  #eventsIn(chunk: Buffer, splitter: SseSplitter): SseEvent[] {
    return splitter.push(chunk).map((event) => this.#ownSteering(event));
  }

  /** In a resumable stream, ids and reconnection times are set by Sluice: removes the provider's. */
  #ownSteering(event: SseEvent): SseEvent {
    return this.#input.hasEventIds && this.#input.client.hasEventIds ? withoutSteering(event) : event;
  }

  /** Nothing visible yet, or fewer tokens than the configuration holds back. */
  #isHeldBack(relay: StreamRelay, isPreamble: boolean | undefined): boolean {
    const { writer, holdBackTokens } = this.#input;
    if (writer.hasAnswered) return false;
    if (isPreamble) return true;
    return holdBackTokens > 0 && !relay.isComplete() && relay.usage().outputTokens < holdBackTokens;
  }

  #noteFirstByte(): void {
    this.#firstByteMs ??= Date.now() - this.#startedAtMs;
    this.#clock.firstByte();
  }

  #noteBegun(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#firstTokenMs ??= Date.now() - this.#startedAtMs;
    this.#clock.firstToken();
    this.#input.onBegun();
  }

  #write(bytes: Buffer): void {
    const { writer } = this.#input;
    if (!writer.hasAnswered) {
      const { client, answerHeaders } = this.#input;
      writer.head({ status: 200, headers: { ...client.streamHeaders, ...answerHeaders() }, isWhole: false });
      for (const held of this.#preamble.splice(0)) this.#writeEvent(held);
    }
    this.#writeEvent(bytes);
  }

  #writeEvent(bytes: Buffer): void {
    const { writer, client, hasEventIds } = this.#input;
    if (!hasEventIds || !client.hasEventIds) return writer.event(bytes);
    for (const event of splitEvents(bytes)) writer.event(event, true);
  }

  #applyBackpressure(): void {
    const { writer } = this.#input;
    if (writer.isReady) return;
    this.#call?.pause();
    this.#clock.pause();
    void writer.ready().then(() => {
      this.#clock.resume();
      if (!this.#isOver) this.#call?.resume();
    });
  }

  #onEnd(): void {
    if (this.#stream !== null) this.#endStream(this.#stream);
    else if (this.#isRefusal()) this.#finish(this.#readFailure());
    else this.#endBody();
  }

  #endStream({ splitter, relay }: { splitter: SseSplitter; relay: StreamRelay }): void {
    const cut = splitter.end();
    const rest = cut === null ? null : this.#ownSteering(endedEvent(cut));
    // The standard drops an event without its empty line; providers were seen to end like this after `[DONE]`, and Gemini's
    // errors are bare JSON. After a finish, a partial event means nothing, but a complete one may be an error.
    if (rest !== null && (!relay.isComplete() || isJson(rest.data ?? ''))) {
      if (!isUtf8(rest.raw)) return this.#finish(NOT_UTF8);
      const { bytes, failure } = relay.accept(rest);
      if (bytes !== null) this.#write(bytes);
      if (failure !== undefined) return this.#finish(failure);
    }
    const { bytes, failure } = relay.end();
    if (bytes !== null) this.#write(bytes);
    this.#finish(failure ?? null);
  }

  #endBody(): void {
    const { translation, context, spec, writer, answerHeaders } = this.#input;
    if (spec.isStream) return this.#finish(notAStream(this.#status));
    const body = Buffer.concat(this.#collected);
    if (!isUtf8(body)) return this.#finish({ ...NOT_UTF8, upstreamStatus: this.#status });
    const relayed = translation.relayBody(body, context);
    if (this.#isFiltered(body)) return this.#finish(FILTERED, relayed.usage);
    if (relayed.failure !== undefined)
      return this.#finish({ ...relayed.failure, upstreamStatus: this.#status }, relayed.usage);
    const headers = { 'content-type': 'application/json; charset=utf-8', ...answerHeaders() };
    writer.whole({ status: 200, headers, isWhole: true }, relayed.body);
    this.#finish(null, relayed.usage);
  }

  #readFailure(): Failure {
    const head = { status: this.#status, headers: this.#headers };
    const body = Buffer.concat(this.#collected);
    const failure = this.#input.upstream.readFailure(head, body, Date.now());
    if (this.#status === 429) this.#rateLimits = { ...this.#rateLimits, said: quotasOf(body, failure.message) };
    return failure;
  }

  #onError(error: Error): void {
    this.#giveUp(describeNetworkError(error, this.#status !== 0, this.#stream !== null));
  }

  #expire(expiry: Expiry): void {
    this.#giveUp(describeExpiry(expiry));
  }

  /** Ends the call early; an answer that is already complete still counts as the answer (invariant 7). */
  #giveUp(failure: Failure): void {
    if (this.#isOver) return;
    if (this.#stream?.relay.isComplete()) this.#endStream(this.#stream);
    else this.#finish(failure);
  }

  #mayBeBilled({ code }: Failure): boolean {
    return !isFree(this.#input.client) && this.#call?.isSent === true && ruleOf(code).isUnseen === true;
  }

  #finish(failure: Failure | null, usage: Usage = this.#stream?.relay.usage() ?? NO_USAGE): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#clock.stop();
    this.#input.signal.onAbort = null;
    if (failure === null) this.#call?.letGo();
    else this.#call?.abort(new Error(failure.code));
    const { deployment, context, spec } = this.#input;
    const isBilled = failure !== null && this.#mayBeBilled(failure);
    this.#resolve({
      failure: failure === null ? null : maskFailure(failure, deployment.provider),
      usage: isBilled ? withPrompt(usage, context.estimatedInputTokens, spec.serviceTier) : usage,
      firstByteMs: this.#firstByteMs,
      firstTokenMs: this.#firstTokenMs,
      durationMs: Date.now() - this.#startedAtMs,
      samples: this.#clock.samples,
      rateLimits: this.#rateLimits,
    });
  }
}

/** A provider's error is at the beginning of its body: the rest after this many bytes is not read. */
const MAX_ERROR_BYTES = 1024 * 1024;
