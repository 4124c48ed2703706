// The canonical form of an answer, whole and as a stream of events. If provider and client protocol differ, the answer is
// decoded into this form and encoded from it.
import type { Failure } from './failure.ts';
import type { Citation, Part, Signature, ToolName } from './inference-request.ts';
import type { Usage } from './usage.ts';

/** As in OpenAI's API; `error` for an end that the provider itself reports as a failure. */
export type FinishReason = 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'pause' | 'error';

export interface Answer {
  /** The provider's own id, meaningful only there. */
  id: string;
  /** The model that answered, as the provider names it. */
  model: string;
  /** Unix seconds, if the provider gives them. */
  createdAt?: number;
  choices: AnswerChoice[];
  usage: Usage | null;
  serviceTier?: string;
}

export interface AnswerChoice {
  index: number;
  /** Text, reasoning, tool calls, refusals, images: in the provider's order. */
  parts: Part[];
  finishReason: FinishReason;
  /** The provider's explanation of that end (`finishMessage`), for people. */
  finishMessage?: string;
  /** The stop sequence that was met, if the provider names it. */
  stopSequence?: string;
  logProbabilities?: TokenLogProbability[];
}

export interface TokenLogProbability {
  token: string;
  logProbability: number;
  bytes?: number[] | null;
  alternatives: { token: string; logProbability: number; bytes?: number[] | null }[];
}

/** What a part is, before its content comes. */
export type PartStart =
  | { kind: 'text' }
  | { kind: 'refusal' }
  | { kind: 'reasoning'; id?: string }
  /** A signature that is known at the start is included here too. */
  | ({ kind: 'tool-call'; id: string; isCustom?: boolean; signature?: Signature } & ToolName);

/**
 * A stream is: answer-start, then for each part start, deltas, end; then finish for each choice, and the end where the
 * protocol has one. Parts of one choice do not overlap and `part` counts from 0 within a choice; choices may overlap.
 * `usage` may come several times, anywhere: each replaces the one before. An error ends the stream.
 */
export type AnswerEvent =
  | { kind: 'answer-start'; id: string; model: string; createdAt?: number; serviceTier?: string }
  | { kind: 'part-start'; choice: number; part: number; start: PartStart }
  /** More of a text, refusal or reasoning, or of a tool call's arguments. */
  | { kind: 'part-delta'; choice: number; part: number; delta: string; logProbabilities?: TokenLogProbability[] }
  | { kind: 'part-citation'; choice: number; part: number; citation: Citation }
  | { kind: 'part-end'; choice: number; part: number; signature?: Signature; isRedacted?: boolean }
  /** A part that comes at once and whole: an image. */
  | { kind: 'part-whole'; choice: number; part: number; value: Part }
  | { kind: 'finish'; choice: number; reason: FinishReason; stopSequence?: string; message?: string }
  | { kind: 'usage'; usage: Usage }
  | { kind: 'service-tier'; serviceTier: string }
  /** Proof that the provider is alive. */
  | { kind: 'ping' }
  /** The provider marked the end (`[DONE]`, `message_stop`, `response.completed`). Nothing follows. */
  | { kind: 'end' }
  | { kind: 'error'; failure: Failure };
