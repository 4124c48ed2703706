// One delivery of one request to this process: everything its steps need, and its progress.
import type { Catalogue } from '#src/config/catalogue.ts';
import type { Cure, Failure } from '#src/contracts/failure.ts';
import type { RequestJob } from '#src/contracts/job.ts';
import type { RequestProgress, RequestSpec, TimelinePart } from '#src/contracts/request-record.ts';
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { spendTime } from '#src/contracts/timeline.ts';
import type { Books } from '#src/ledger/books.ts';
import type { Forecaster } from '#src/limits/forecaster.ts';
import type { HedgeAllowance } from '#src/limits/hedge-allowance.ts';
import type { LearnedLimits } from '#src/limits/learned-limits.ts';
import type { Limiter, Permit } from '#src/limits/limiter.ts';
import type { GrantedPermit } from '#src/limits/permit-terms.ts';
import type { TokenEstimates } from '#src/limits/token-estimates.ts';
import type { WaitQueues } from '#src/limits/wait-queue.ts';
import type { ClientProtocol } from '#src/protocols/protocol.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import type { Publisher, ReplyWriter } from '#src/reply/publisher.ts';
import type { ReplyLog } from '#src/reply/reply-log.ts';
import type { RequestStore } from '#src/reply/request-store.ts';
import type { WorkerLiveness } from '#src/reply/worker-liveness.ts';
import type { Circuits } from '#src/routing/circuits.ts';
import type { Holds } from '#src/routing/holds.ts';
import type { Prefixes } from '#src/routing/prefixes.ts';
import type { SpeedLog } from '#src/routing/signals.ts';
import type { UsualBegin } from '#src/routing/usual-begin.ts';
import type { ScriptCall } from '#src/storage/lua-script.ts';
import { untilTaken } from '#src/storage/redis-trouble.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { WorkerMetrics } from '#src/telemetry/metrics.ts';
import type { Tracing } from '#src/telemetry/tracing.ts';
import type { ActiveRequests, Cancellation } from './active-requests.ts';
import type { KnownCures } from './known-cures.ts';
import type { PermitDesk } from './permit-desk.ts';
import type { Upstream } from './upstream.ts';

/** The parts of a worker process; opened by its entry point and passed down. */
export interface InferenceContext {
  workerId: string;
  catalogue: Catalogue;
  /** Reads the configuration again, if it has changed. */
  refreshCatalogue: () => Promise<void>;
  store: RequestStore;
  liveness: WorkerLiveness;
  publisher: Publisher;
  replyLog: ReplyLog;
  producer: QueueProducer;
  limiter: Limiter;
  desk: PermitDesk;
  waitQueues: WaitQueues;
  learned: LearnedLimits;
  tokenEstimates: TokenEstimates;
  forecaster: Forecaster;
  circuits: Circuits;
  holds: Holds;
  speeds: SpeedLog;
  usualBegin: UsualBegin;
  hedges: HedgeAllowance;
  prefixes: Prefixes;
  upstream: Upstream;
  active: ActiveRequests;
  knownCures: KnownCures;
  /** Reply shards to which this process sends heartbeats: all configured ones, and any others it had requests of. */
  seenShards: Set<number>;
  books: Books;
  /** Permits of calls in flight, by attempt id: their leases are renewed. */
  openPermits: Map<string, Permit>;
  logger: Logger;
  /** Called with errors of Redis, also of calls that are retried until Redis accepts them. */
  onTrouble: (error: Error) => void;
  metrics: WorkerMetrics;
  /** Null if tracing is off. */
  tracing: Tracing | null;
  settings: {
    hasEventIds: boolean;
    maxAnswerBytes: number;
    holdBackTokens: number;
    /** How long the record and log of an unfinished request are kept without a sign of life. Milliseconds. */
    recordTtlMs: number;
  };
}

export interface Delivery {
  job: RequestJob;
  spec: RequestSpec;
  body: Buffer;
  step: RouteStep;
  client: ClientProtocol;
  writer: ReplyWriter;
  cancellation: Cancellation;
  progress: RequestProgress;
  /** A provider was called under the current attempt number: the next call needs a new one. */
  isAttemptUsed: boolean;
  /** Input tokens of the text the client already has, if the current call continues after it; else 0. */
  prefillTokens: number;
  /** A provider refused such a continuation. */
  avoidsPrefill: boolean;
  /** Changes to the form of the request that the provider requires, learned from its refusals. */
  cures: Set<Cure>;
  /** The provider's credentials with which it was refused, while there are others. */
  leftCredentials: Set<string>;
  /** Credentials whose secrets were read again after a refusal. */
  renewedCredentials: Set<string>;
  /** The first of several requests with the same prompt prefix: the others wait until its answer begins. */
  isLeader: boolean;
  /** The permit for its first call that came with it; null if there is none, or it is used. */
  granted: GrantedPermit | null;
  /** Set if its attempt runs concurrently with another one; the hedge is the second of the two. Absent: a single attempt. */
  beside?: { isHedge: boolean };
  /** Another delivery owns the request: nothing more may be written. */
  isLost: boolean;
}

type CallForm = 'prefillTokens' | 'avoidsPrefill' | 'cures' | 'leftCredentials' | 'renewedCredentials' | 'isLeader';

/** What calls learn about the form that a provider requires, before the first one. Concurrent attempts do not share it. */
export function newCallForm(): Pick<Delivery, CallForm> {
  return {
    prefillTokens: 0,
    avoidsPrefill: false,
    cures: new Set(),
    leftCredentials: new Set(),
    renewedCredentials: new Set(),
    isLeader: false,
  };
}

/**
 * Runs an action that must not be lost once the provider has been called or the record has been changed: retries while Redis
 * refuses it. The action must be idempotent.
 */
export function insist<T>({ onTrouble }: Pick<InferenceContext, 'onTrouble'>, act: () => Promise<T>): Promise<T> {
  return untilTaken(act, { onError: onTrouble });
}

/** Adds the time since the last part of the timeline as a new part. */
export function spend(delivery: Delivery, part: Omit<TimelinePart, 'untilMs'>): void {
  const { priority } = delivery.spec;
  const isWait = part.kind === 'queue' || part.kind === 'limit';
  const placed = isWait && priority !== undefined ? { ...part, priority } : part;
  delivery.progress = spendTime(delivery.progress, { ...placed, untilMs: Date.now() });
}

/** How a delivery left the current step. */
export type StepResult =
  /** `closing` settles its permit and closes its books when its job ends. Null if the request was lost meanwhile. */
  | { kind: 'answered'; closing: ScriptCall | null }
  | { kind: 'retry'; waitMs: number }
  | { kind: 'fallback' }
  /** The request is over; `failure` must still be sent to the client. */
  | { kind: 'failed'; failure: Failure }
  /** It must wait: the job goes back to the queue. */
  | { kind: 'park'; waitMs: number; waitsFor: NonNullable<RequestProgress['waitsFor']> };
