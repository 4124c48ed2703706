// One batch of any provider, without its wire format. Its states are described in dialects/dialect.ts.

import { randomUUID } from 'node:crypto';
import type {
  Batch,
  BatchState,
  Dialect,
  InputFault,
  LineAnswer,
  LineCall,
  RequestHead,
} from '../../dialects/dialect.ts';
import type { Engine } from '../engine.ts';
import { invalid, type Refusal, RefusalError } from '../refusal.ts';
import { Arrival } from '../serving/arrival.ts';
import { serveCall } from '../serving/serve-call.ts';
import type { BatchFault } from './batch-fault.ts';
import { CapturedExchange } from './captured-exchange.ts';

export interface BatchOptions {
  id: string;
  /** Data kept for the dialect: endpoint, display name, metadata. */
  facts: Readonly<Record<string, unknown>>;
  lines: readonly LineCall[];
  /** Faults of the input, because of which it fails. */
  inputFaults: readonly InputFault[];
  fault: BatchFault | null;
  /** From its acceptance to its end. */
  durationMs: number;
}

/** Lines answered in one turn of the event loop. */
const LINES_PER_TURN = 100;
const TICK_MS = 10;
const STUCK_TIMES = 10;

export class SimulatedBatch implements Batch {
  readonly id: string;
  readonly facts: BatchOptions['facts'];
  readonly lines: readonly LineCall[];
  readonly createdAtMs: number;
  /** When it reached each state. */
  readonly reachedAtMs: Partial<Record<BatchState, number>> = {};
  /** Answers so far, in the order of the lines. */
  readonly answers: LineAnswer[] = [];
  inputFaults: readonly InputFault[];
  readonly #engine: Engine;
  readonly #fault: BatchFault | null;
  readonly #durationMs: number;
  #state: BatchState = 'validating';
  #timer: NodeJS.Timeout | null = null;

  constructor(engine: Engine, options: BatchOptions) {
    this.#engine = engine;
    this.id = options.id;
    this.facts = options.facts;
    this.lines = options.lines;
    this.inputFaults = options.inputFaults;
    this.#fault = options.fault;
    this.#durationMs = options.durationMs;
    this.createdAtMs = engine.now();
    this.#wait(0);
  }

  get state(): BatchState {
    return this.#state;
  }

  get hasEnded(): boolean {
    return ['completed', 'failed', 'expired', 'cancelled'].includes(this.#state);
  }

  /** Number of lines answered with an error. */
  get failedLines(): number {
    return this.answers.reduce((sum, { status }) => sum + (status < 300 ? 0 : 1), 0);
  }

  /** False if it has already ended. */
  cancel(): boolean {
    if (this.hasEnded) return false;
    if (this.#state !== 'cancelling') this.#become('cancelling');
    return true;
  }

  /** Stops its timers. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #wait(delayMs: number): void {
    this.#timer = setTimeout(() => this.#step(), delayMs);
  }

  #become(state: BatchState): void {
    this.#state = state;
    this.reachedAtMs[state] = this.#engine.now();
    this.#engine.watch.changed();
  }

  #step(): void {
    switch (this.#state) {
      case 'validating':
        this.#validate();
        break;
      case 'running':
        this.#answerDue();
        break;
      case 'cancelling':
        if (this.#isCancelled()) this.#become('cancelled');
        break;
    }
    if (!this.hasEnded) this.#wait(this.#durationMs === 0 ? 0 : TICK_MS);
  }

  #isCancelled(): boolean {
    const lastsMs = this.#fault?.name === 'stuck' ? STUCK_TIMES * this.#durationMs : 0;
    return this.#engine.now() >= this.reachedAtMs.cancelling! + lastsMs;
  }

  #validate(): void {
    if (this.#fault?.name === 'fail') {
      const message = 'The simulator was told to fail this batch.';
      this.inputFaults = [{ code: 'token_limit_exceeded', message, param: null, line: null }];
    }
    this.#become(this.inputFaults.length > 0 ? 'failed' : 'running');
  }

  #answerDue(): void {
    const total = this.lines.length;
    const elapsed = this.#engine.now() - this.createdAtMs;
    const due = this.#durationMs === 0 ? total : Math.floor((total * elapsed) / this.#durationMs);
    const until = Math.min(due, this.#lastLine, this.answers.length + LINES_PER_TURN);
    while (this.answers.length < until) this.answers.push(answerLine(this.#engine, this.lines[this.answers.length]!));
    if (this.answers.length >= total && this.#lastLine >= total) return this.#become('completed');
    if (this.#fault?.name === 'expire' && this.answers.length >= this.#lastLine) this.#become('expired');
  }

  /** Number of lines that are answered before it ends. */
  get #lastLine(): number {
    const total = this.lines.length;
    const isCutShort = this.#fault !== null && ['expire', 'stall', 'stuck'].includes(this.#fault.name);
    return isCutShort ? Math.min(total, this.#fault!.afterLines ?? Math.floor(total / 2)) : total;
  }
}

// One line of a batch, answered like an ordinary call: the same dialect, answer, faults and bill. Faults
// of a connection (a cut, silence, half a JSON text) become the provider's internal error.

export function answerLine(engine: Engine, { customId, dialect, head, body }: LineCall): LineAnswer {
  const said = say(
    engine,
    dialect,
    { ...head, headers: { ...head.headers, 'x-client-request-id': customId } },
    (arrival) => {
      const route = dialect.route(head);
      if (route?.kind !== 'call')
        throw new RefusalError({ kind: 'route_missing', method: head.method, path: head.path });
      const { call, voice } = route.read(body, arrival.head, engine);
      if (call.isStream) throw invalid('Streaming is not supported in batches.', 'stream');
      serveCall(arrival, call, voice);
    },
  );
  return said ?? say(engine, dialect, head, (arrival) => arrival.refuse({ kind: 'server_error' }))!;
}

function say(
  engine: Engine,
  dialect: Dialect,
  head: RequestHead,
  speak: (arrival: Arrival) => void,
): LineAnswer | null {
  const exchange = new CapturedExchange();
  const unique = randomUUID().replaceAll('-', '');
  const arrival = new Arrival({ engine, dialect, head, exchange, unique, arrivedMs: engine.now(), isBatch: true });
  try {
    speak(arrival);
  } catch (error) {
    arrival.refuse(refusalOf(error));
  }
  const { answer } = exchange;
  return answer !== null && isJson(answer.body) ? { requestId: arrival.providerRequestId, ...answer } : null;
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  process.emitWarning(error instanceof Error ? error : String(error));
  return { kind: 'server_error' };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
