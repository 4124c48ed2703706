// What performing an answer needs, streamed or not.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { SpeechOptions, Voice } from '../../dialects/dialect.ts';
import type { FaultPlan } from '../faults/fault-plan.ts';
import type { Outcome } from '../records/bill.ts';
import type { Exchange } from './exchange.ts';

export interface Performance {
  exchange: Exchange;
  voice: Voice;
  speech: SpeechOptions;
  faults: FaultPlan;
  firstTokenMs: number;
  /** Time between tokens. */
  paceMs: number;
  now: () => number;
  /** Headers of a 200 of this content type. */
  headers: (contentType: string) => readonly string[];
  /** Called when the first token of a stream is sent: at most once, and before `onEnd`. */
  onFirstToken: () => void;
  /** Called exactly once, before the client can know; `served` is what is billed. */
  onEnd: (outcome: Outcome, served: Usage) => void;
}

/** The prompt alone: what is billed for an answer of which nothing can be used. */
export function promptOf(usage: Usage): Usage {
  return { ...usage, outputTokens: 0, reasoningTokens: 0 };
}

/** Sends a body whole. */
export function sendBody(exchange: Exchange, status: number, headers: readonly string[], body: string | Buffer): void {
  exchange.head(status, [...headers, 'content-length', String(Buffer.byteLength(body))]);
  exchange.end(body);
}
