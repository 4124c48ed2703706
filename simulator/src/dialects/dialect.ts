// The interface between the engine, which decides the content of answers, and a provider's protocol, which decides their form. A
// dialect reads requests into calls and gives each a voice that writes its answer. It has no state and reads no clock.
import type { IncomingHttpHeaders } from 'node:http';
import type { Usage } from '../../../src/contracts/usage.ts';
import type { Answer } from '../engine/answers/answer.ts';
import type { Step } from '../engine/answers/answer-cursor.ts';
import type { Call } from '../engine/call.ts';
import type { Allowances } from '../engine/limits/admission.ts';
import type { Bill } from '../engine/records/bill.ts';
import type { Refusal } from '../engine/refusal.ts';

export interface RequestHead {
  method: string;
  /** Without the query. */
  path: string;
  query: string;
  headers: IncomingHttpHeaders;
}

export interface EncodedAnswer {
  status: number;
  /** In addition to those of `answerHeaders`: names and values alternate, which node:http accepts without a copy. */
  headers: readonly string[];
  body: string;
}

/** The values in every answer's headers. */
export interface AnswerFacts {
  head: RequestHead;
  providerRequestId: string;
  /** From arrival to the status line. */
  processingMs: number;
  allowances: Allowances;
  /** The requested model; empty if the request was refused before it was read. */
  model: string;
  nowMs: number;
}

/** Identity of one answer: the same in all its pieces. */
export interface Identity {
  /** 24 characters, unique per answer: the last part of the provider's ids. */
  unique: string;
  nowMs: number;
  /** Seed of the simulator, for fingerprints. */
  seed: number;
}

export interface SpeechOptions {
  identity: Identity;
  answer: Answer;
  /** False leaves the token counts out, as a fault. */
  showsUsage: boolean;
}

/** Writes the answer to one call. Created by the dialect that read the request, with the request's options. */
export interface Voice {
  wholeContentType: string;
  streamContentType: string;
  /** An answer that reports its own failure; absent if the protocol has none. */
  failAnswer?(options: SpeechOptions): string;
  /** The body of an unstreamed answer. */
  speakWhole(options: SpeechOptions): string;
  /** An error in place of an answer, with status 200. */
  failWhole(options: SpeechOptions): string;
  /**
   * The answer to a prompt that the provider's content filter has blocked, if that is an answer without content. Absent if it
   * is an error.
   */
  speakBlocked?(options: SpeechOptions): BlockedAnswer;
  speakStream(options: SpeechOptions): StreamVoice;
}

export interface BlockedAnswer {
  contentType: string;
  body: string;
  /** The usage that the provider bills. */
  billed: Usage;
}

/** Every method returns complete events; '' sends nothing. Lines end in LF, or in CR LF if the provider's do. */
export interface StreamVoice {
  /** Whether the provider sends its opening events before the first token. */
  opensAtOnce?: boolean;
  /** The events before the first step. */
  open(): string;
  step(step: Step, served: Usage): string;
  /** The finish of every choice and what follows it, without the terminator. */
  close(served: Usage): string;
  /** The event that ends the stream: `[DONE]`, `message_stop`. */
  terminate(): string;
  /** An error in the middle. */
  fail(): string;
  /** The end of an answer that reports its own failure; absent if the protocol has none. */
  failAnswer?(): string;
  /** An event that no reader of this protocol can parse. */
  babble(): string;
  /** An event without content: a comment, a ping. */
  pause(): string;
}

/** The provider that is simulated. It refuses signatures of other providers. */
export interface Provider {
  name: string;
  seed: number;
}

/** A request that calls the model. */
export interface CallRoute {
  kind: 'call';
  /** Throws a RefusalError for what the provider would refuse. `body` is parsed JSON. */
  read(body: unknown, head: RequestHead, provider: Provider): { call: Call; voice: Voice };
}

/** A request that is answered at once, at no cost: lists of models, token counts, batches. */
export interface LookupRoute {
  kind: 'lookup';
  /** Requires the organization's key, not a key for model calls. Absent: false. */
  isAdministration?: true;
  /** Null: the connection is reset instead of answered. */
  answer(context: LookupContext): EncodedAnswer | Refusal | null;
}

export interface LookupContext {
  head: RequestHead;
  /** Text of the body. */
  body: string;
  /** Names of models that are served; null for all names. */
  models: readonly string[] | null;
  provider: Provider;
  batches: Batches;
  bill: Pick<Bill, 'entries' | 'partsOf'>;
}

export interface Dialect {
  /** The protocol's name in the broker's configuration. */
  name: string;
  /** Null for requests of other protocols. */
  route(head: RequestHead): CallRoute | LookupRoute | null;
  /** The key in the request, or null. */
  readCredential(head: RequestHead): string | null;
  encodeRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer;
  /** Headers of every answer, errors included. */
  answerHeaders(facts: AnswerFacts): readonly string[];
}

/** A line of a batch, in the form of an ordinary call. */
export interface LineCall {
  /** The caller's name for it: unique in its batch, and recorded in the bill. */
  customId: string;
  dialect: Dialect;
  head: RequestHead;
  /** Parsed JSON. */
  body: unknown;
}

export interface LineAnswer {
  requestId: string;
  status: number;
  /** JSON. */
  body: string;
}

/**
 * - validating: accepted, not checked yet. Shortly afterwards it is running, or failed (its input is invalid).
 * - running: lines are answered, spread over the duration of the batch. Next: completed, expired or cancelling.
 * - cancelling: requested by its owner; no more lines are answered. Next: cancelled.
 * - completed, failed, expired, cancelled: final.
 */
export type BatchState = 'validating' | 'running' | 'completed' | 'failed' | 'expired' | 'cancelling' | 'cancelled';

export interface InputFault {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

/** One batch, as needed to describe it in any provider's form. */
export interface Batch {
  readonly id: string;
  /** Data kept for its dialect: endpoint, display name, metadata. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly lines: readonly LineCall[];
  readonly createdAtMs: number;
  readonly state: BatchState;
  readonly hasEnded: boolean;
  /** When it reached each state. */
  readonly reachedAtMs: Readonly<Partial<Record<BatchState, number>>>;
  /** Answers so far, in the order of the lines. */
  readonly answers: readonly LineAnswer[];
  /** Number of lines answered with an error. */
  readonly failedLines: number;
  readonly inputFaults: readonly InputFault[];
  /** False if it has already ended. */
  cancel(): boolean;
}

export interface BatchFile {
  id: string;
  name: string;
  purpose: string;
  text: string;
  createdAtMs: number;
}

export type NewBatch = Pick<Batch, 'facts' | 'lines' | 'inputFaults'> & { prefix: string };

export type BatchAcceptance = { kind: 'accepted'; batch: Batch; isAnswerLost: boolean } | { kind: 'refused' };

/** The batches and files of one simulator. */
export interface Batches {
  accept(batch: NewBatch): BatchAcceptance;
  find(id: string): Batch | null;
  /** Newest first. */
  list(prefix: string): Batch[];
  remove(id: string): void;
  addFile(prefix: string, file: Omit<BatchFile, 'id' | 'createdAtMs'>): BatchFile;
  findFile(id: string): BatchFile | null;
  /** False if there is no such file. */
  removeFile(id: string): boolean;
}
