// One request that has arrived, and the ways to answer it at once.
import { hash } from 'node:crypto';
import type { AnswerFacts, Dialect, EncodedAnswer, RequestHead } from '../../dialects/dialect.ts';
import type { Engine } from '../engine.ts';
import type { Refusal } from '../refusal.ts';
import type { Exchange } from './exchange.ts';
import { sendBody } from './performance.ts';

export interface ArrivalOptions {
  engine: Engine;
  dialect: Dialect;
  head: RequestHead;
  exchange: Exchange;
  /** 32 hexadecimal digits, different for every request. */
  unique: string;
  arrivedMs: number;
  /** A batch line: not limited, answered without delay, at half the price. Absent: false. */
  isBatch?: boolean;
}

export class Arrival {
  readonly engine: Engine;
  readonly dialect: Dialect;
  readonly head: RequestHead;
  readonly exchange: Exchange;
  readonly unique: string;
  readonly arrivedMs: number;
  readonly isBatch: boolean;
  /** Empty until the call has been read. */
  model = '';

  constructor(options: ArrivalOptions) {
    this.engine = options.engine;
    this.dialect = options.dialect;
    this.head = options.head;
    this.exchange = options.exchange;
    this.unique = options.unique;
    this.arrivedMs = options.arrivedMs;
    this.isBatch = options.isBatch ?? false;
  }

  get providerRequestId(): string {
    return providerRequestId(this.unique);
  }

  get clientRequestId(): string | null {
    const value = this.head.headers['x-client-request-id'];
    return typeof value === 'string' ? value : null;
  }

  /** Distinguishes keys without revealing them. */
  get keyDigest(): string | null {
    const key = this.dialect.readCredential(this.head);
    return key === null ? null : digestOf(key);
  }

  headers(...own: readonly string[]): readonly string[] {
    return [...own, ...this.dialect.answerHeaders(this.#facts())];
  }

  answer({ status, headers, body }: EncodedAnswer): void {
    sendBody(this.exchange, status, this.headers(...headers), body);
  }

  refuse(refusal: Refusal): void {
    const { counts, watch } = this.engine;
    counts.refusals[refusal.kind] = (counts.refusals[refusal.kind] ?? 0) + 1;
    this.answer(this.dialect.encodeRefusal(refusal, this.#facts()));
    watch.changed();
  }

  #facts(): AnswerFacts {
    const nowMs = this.engine.now();
    return {
      head: this.head,
      providerRequestId: this.providerRequestId,
      processingMs: Math.round(nowMs - this.arrivedMs),
      allowances: this.engine.admission.allowances(),
      model: this.model,
      nowMs,
    };
  }
}

/** The first 16 hexadecimal digits of the SHA-256. */
export function digestOf(key: string): string {
  return hash('sha256', key).slice(0, 16);
}

export function providerRequestId(unique: string): string {
  return `req_${unique}`;
}
