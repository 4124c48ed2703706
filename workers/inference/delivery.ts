// One delivery of one request to this process: everything its steps need, and how far it has come.
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

/** What a worker process is made of; opened by its entry point and passed down. */
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
  /** Reply shards that this process has had requests of: where it must say that it is alive. */
  seenShards: Set<number>;
  books: Books;
  /** Permits of calls under way: their leases are renewed. By attempt id. */
  openPermits: Map<string, Permit>;
  logger: Logger;
  /** Told of what Redis refuses, and waits for Redis to take. */
  onTrouble: (error: Error) => void;
  metrics: WorkerMetrics;
  /** Null: nothing is traced. */
  tracing: Tracing | null;
  settings: {
    hasEventIds: boolean;
    maxAnswerBytes: number;
    holdBackTokens: number;
    /** How long an unfinished request's record and log may live without a sign of life. Milliseconds. */
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
  /** The attempt number that this delivery holds has called a provider: the next call needs a new one. */
  isAttemptUsed: boolean;
  /** Input tokens of what the client has, where the current call goes on behind it; else 0. */
  prefillTokens: number;
  /** A provider has refused such a call. */
  avoidsPrefill: boolean;
  /** In what other form the provider wants the request: learned from its refusals. */
  cures: Set<Cure>;
  /** Those of the provider's credentials that have refused it, while there are others. */
  leftCredentials: Set<string>;
  /** Those whose secrets were read again after a refusal. */
  renewedCredentials: Set<string>;
  /** The first of those whose prompts begin alike: others wait for its answer to begin. */
  isLeader: boolean;
  /** A permit for its first call that came with it; null: none, or it is used. */
  granted: GrantedPermit | null;
  /** Its attempt runs beside another one; the hedge is the second of them. Absent: it is alone. */
  beside?: { isHedge: boolean };
  /** Another delivery owns the request: nothing may be written any more. */
  isLost: boolean;
}

/**
 * Does what must not be lost once the provider has been called or the record has been changed: waits for a Redis that refuses it.
 * The act must be safe to repeat.
 */
export function insist<T>({ onTrouble }: Pick<InferenceContext, 'onTrouble'>, act: () => Promise<T>): Promise<T> {
  return untilTaken(act, { onError: onTrouble });
}

/** Books the time since the last part of the timeline. */
export function spend(delivery: Delivery, part: Omit<TimelinePart, 'untilMs'>): void {
  const { priority } = delivery.spec;
  const isWait = part.kind === 'queue' || part.kind === 'limit';
  const placed = isWait && priority !== undefined ? { ...part, priority } : part;
  delivery.progress = spendTime(delivery.progress, { ...placed, untilMs: Date.now() });
}

/** How a delivery left the current step. */
export type StepResult =
  /** `closing` settles its permit and closes its books: done when its job ends. Null: the request was lost meanwhile. */
  | { kind: 'answered'; closing: ScriptCall | null }
  | { kind: 'retry'; waitMs: number }
  | { kind: 'fallback' }
  /** The request is over; `failure` has been said, or must be. */
  | { kind: 'failed'; failure: Failure }
  /** Not now: the job goes back to the queue. */
  | { kind: 'park'; waitMs: number; waitsFor: NonNullable<RequestProgress['waitsFor']> };
