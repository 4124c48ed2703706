// The seam between the engine, which knows what to say, and a provider's protocol, which knows how. A dialect reads
// requests into calls and gives each a voice; it keeps no state and looks at no clock.
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
  /** Beside those of `answerHeaders`: names and values in turn, as node:http takes them without a copy. */
  headers: readonly string[];
  body: string;
}

/** What every answer's headers are made of. */
export interface AnswerFacts {
  head: RequestHead;
  providerRequestId: string;
  /** From arrival to the status line. */
  processingMs: number;
  allowances: Allowances;
  /** The model that was asked for; empty where the request was not read that far. */
  model: string;
  nowMs: number;
}

/** Who speaks: the same in every piece of one answer. */
export interface Identity {
  /** 24 characters, different for every answer: the tail of a provider's id. */
  unique: string;
  nowMs: number;
  /** Of the simulator, for fingerprints. */
  seed: number;
}

export interface SpeechOptions {
  identity: Identity;
  answer: Answer;
  /** False leaves the token counts out, as a fault. */
  showsUsage: boolean;
}

/** Says one answer to one call; made by the dialect that read it, and knows what the request asked for. */
export interface Voice {
  wholeContentType: string;
  streamContentType: string;
  /** An answer that says that it failed; absent in protocols that have no such thing. */
  failAnswer?(options: SpeechOptions): string;
  /** The body of an unstreamed answer. */
  speakWhole(options: SpeechOptions): string;
  /** An error in the place of an answer, with status 200. */
  failWhole(options: SpeechOptions): string;
  /**
   * What the caller gets when the provider's filter has caught the prompt, where that is an answer without content. Absent
   * where it is an error.
   */
  speakBlocked?(options: SpeechOptions): BlockedAnswer;
  speakStream(options: SpeechOptions): StreamVoice;
}

export interface BlockedAnswer {
  contentType: string;
  body: string;
  /** What the provider wants for it. */
  billed: Usage;
}

/** Every method gives complete events; empty text sends nothing. Lines end in LF, or in CR LF where the provider's do. */
export interface StreamVoice {
  /** The provider announces an answer before it has its first token. */
  opensAtOnce?: boolean;
  /** Before the first step that is sent. */
  open(): string;
  step(step: Step, served: Usage): string;
  /** The finish of every choice and what comes after it, but not the terminator. */
  close(served: Usage): string;
  /** The event that says that the stream is over: `[DONE]`, `message_stop`. */
  terminate(): string;
  /** An error in the middle. */
  fail(): string;
  /** The end of an answer that says that it failed; absent in protocols that have no such thing. */
  failAnswer?(): string;
  /** An event that no reader of this protocol can parse. */
  babble(): string;
  /** An event that means nothing: a comment line, a ping. */
  pause(): string;
}

/** Whose simulator this is: what one provider has signed, another does not take back. */
export interface Provider {
  name: string;
  seed: number;
}

/** A request that asks the model for something. */
export interface CallRoute {
  kind: 'call';
  /** Throws a RefusalError for what the provider would refuse. `body` is parsed JSON. */
  read(body: unknown, head: RequestHead, provider: Provider): { call: Call; voice: Voice };
}

/** A request that is answered at once, at no cost: lists of models, token counts, batches. */
export interface LookupRoute {
  kind: 'lookup';
  /** Asks for the organization's key, not for one that calls models. Absent: false. */
  isAdministration?: true;
  /** Null: the connection is reset in the place of an answer. */
  answer(context: LookupContext): EncodedAnswer | Refusal | null;
}

export interface LookupContext {
  head: RequestHead;
  /** Text of the body. */
  body: string;
  /** Names that are served; null where every name is. */
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
  /** The key that the request shows, or null. */
  readCredential(head: RequestHead): string | null;
  encodeRefusal(refusal: Refusal, facts: AnswerFacts): EncodedAnswer;
  /** Headers of every answer, errors included. */
  answerHeaders(facts: AnswerFacts): readonly string[];
}

/** A line of a batch: a call as it would have come by itself. */
export interface LineCall {
  /** The caller's name for it: unique in its batch, and what the bill knows it by. */
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
 * - validating: accepted, nobody has looked at it. A moment later it is running, or failed (its input is at fault).
 * - running: lines are answered, spread over the time that a batch takes. Left to completed, expired, or cancelling.
 * - cancelling: asked for by its owner; nothing more is answered. Left to cancelled.
 * - completed, failed, expired, cancelled: final.
 */
export type BatchState = 'validating' | 'running' | 'completed' | 'failed' | 'expired' | 'cancelling' | 'cancelled';

export interface InputFault {
  code: string;
  message: string;
  param: string | null;
  line: number | null;
}

/** One batch as its provider can describe it. */
export interface Batch {
  readonly id: string;
  /** What its dialect wants to know again: endpoint, display name, metadata. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly lines: readonly LineCall[];
  readonly createdAtMs: number;
  readonly state: BatchState;
  readonly hasEnded: boolean;
  /** When it came to each state. */
  readonly reachedAtMs: Readonly<Partial<Record<BatchState, number>>>;
  /** Of the first lines, in their order. */
  readonly answers: readonly LineAnswer[];
  /** Answered with an error. */
  readonly failedLines: number;
  readonly inputFaults: readonly InputFault[];
  /** False when it has ended. */
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
  /** False when there is none. */
  removeFile(id: string): boolean;
}
