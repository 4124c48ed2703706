// What the broker knows of one accepted request: written whole by the API tier before the job is queued, then only its
// mutable part changes (see src/reply/request-store.ts).
import type { Failure } from './failure.ts';
import type { Lane } from './job.ts';
import type { ChargeTerms } from './money.ts';
import type { ResponseKeeping } from './response-keeping.ts';
import type { DetourCode, RoutePlan, StrategyName } from './route-plan.ts';
import type { Scope } from './scope.ts';
import type { TraceContext } from './trace-context.ts';
import type { Priority } from './turn.ts';

/** Version of everything that crosses processes; a reader refuses what is newer than itself. */
export const CONTRACT_VERSION = 1;

/** Counted for limits and budgets at most: more than any provider's context, less than would break a sum. */
export const MAX_ESTIMATED_TOKENS = 10_000_000;

/** What was reserved for a request, in each budget that it counts in. */
export interface BudgetReservation {
  /** Amounts are picodollars, decimal. Absent in records of earlier releases. `isCharge`: it counts charges, not costs. */
  parts?: readonly { account: string; amount: string; isCharge?: true }[];
}

/** Beside what it is anyway. */
export interface RequestLabels {
  /** The batch that it is a line of. */
  batch?: string;
  /** An agent's session, by its own header. */
  session?: string;
  /** Of the client: `x-sluice-tags`. */
  tags?: readonly string[];
}

/** Accounts above the key that a request counts for. */
export interface RequestAccounts {
  project?: string;
  organisation?: string;
  /** Whose prepaid balance it is charged to, and how. */
  credits?: { account: string } & ChargeTerms;
}

/** The part that never changes after acceptance. */
export interface RequestSpec {
  version: number;
  requestId: string;
  keyId: string;
  /** Limits of the key, as the limiter knows them; null where it has none. */
  keyScope: Scope | null;
  /** Limits of its project and organisation; absent where they have none. */
  accountScopes?: readonly Scope[];
  accounts?: RequestAccounts;
  /** What reports can group it by; absent: nothing. */
  labels?: RequestLabels;
  /** What was reserved in the key's budgets; null where it has none. Named as earlier releases read it. */
  budgetHold: BudgetReservation | null;
  /** Bytes of its body, where they are counted (reply/body-quota.ts). */
  countedBytes?: number;
  /** Its own span; absent: it is not traced. */
  trace?: TraceContext;
  /** Which client protocol the answer is written in. */
  protocol: string;
  /** The model as the client named it. */
  model: string;
  lane: Lane;
  /** Among the requests of its key; absent: normal. */
  priority?: Priority;
  /** Of its key, beside other keys; absent: 1. */
  weight?: number;
  isStream: boolean;
  /** How the client gets a stream's usage; the broker asks its providers for it in any case. */
  usageDelivery: 'none' | 'own-event' | 'last-event';
  /** Those of the client's headers that a provider of the same protocol gets: versions, betas. */
  forwardedHeaders: Record<string, string>;
  /** How many answers were asked for. */
  choices: number;
  plan: RoutePlan;
  /** What the client asked of its plan, for the new plan of a replay; absent: nothing. */
  wishes?: RouteWishes;
  /** The failed request that this one stands in for. */
  replayOf?: string;
  /** Unix milliseconds by the API's clock. */
  acceptedAtMs: number;
  /** Unix milliseconds after which nobody waits for the answer. */
  deadlineAtMs: number;
  /** API instance that holds the client's connection: where frames are announced. */
  inbox: string;
  /**
   * Whose leaving ends it: `client`, when its connection goes; `resumable`, when nobody has come back to it for a while
   * (it has an idempotency key); `nobody`, because nothing ever waits on a connection (asynchronous, batch line).
   */
  lifetime: 'client' | 'resumable' | 'nobody';
  /** How long record and log stay readable after the end. Milliseconds. */
  retentionMs: number;
  estimatedInputTokens: number;
  /** Upper bound of the answer as far as the request states one, else the model's default estimate. */
  estimatedOutputTokens: number;
  /** The service tier that it asks for, in OpenAI's words; absent for the ordinary one. */
  serviceTier?: string;
  /** It was asked with memory, or leaves a response that can be asked for; absent: neither. */
  response?: ResponseKeeping;
  /** Its end is told to webhooks. Batch lines are not: their batch is. */
  isAnnounced?: boolean;
}

/** Its record goes as soon as its client has the answer: nobody can ask for it again (src/api/relay/note-end.ts). */
export function isForgottenWhenDelivered({ isStream, lifetime, response }: RequestSpec): boolean {
  return !isStream && lifetime === 'client' && response === undefined;
}

/** As src/routing/plan-route.ts takes them. */
export interface RouteWishes {
  alternativeModels?: readonly string[];
  preferences?: {
    order?: readonly string[];
    only?: readonly string[];
    ignore?: readonly string[];
    allowFallbacks?: boolean;
    /** Only providers that get every field of the request. */
    requireParameters?: boolean;
    sort?: StrategyName;
    hedge?: boolean;
    /** USD per million tokens; what costs more, or has no known price, is not asked. */
    maxInputPrice?: number;
    maxOutputPrice?: number;
  };
  pinnedProvider?: string;
}

/** How far the attempts have come: handed from one delivery to the next. */
export interface RequestProgress {
  /** Failed attempts at the current step. */
  failuresAtStep: number;
  /** Steps that were left without having been asked, to be waited for when the rest of the plan has failed. */
  skipped: { step: number; readyAtMs: number }[];
  /** Such a step, while it is the current one. */
  revisited: number | null;
  /** The way left the plan's steps for others: from which position on, and after which failures (the last one leads). */
  detour?: { from: number; codes: DetourCode[] };
  /** The place of a second attempt that was made beside another one: a request has one. `hasFailed`: it counts there. */
  hedge?: { place: number; hasFailed?: true };
  /** One failure per step that was given up, and the latest of the current step. */
  failures: Failure[];
  /** Attempts that called a provider. */
  calls: number;
  /** Picodollars owed for attempts so far, as a decimal string. */
  costPicoUsd: string;
  /** Where the time went, without gaps: each part begins where the one before ended, the first at acceptance. */
  timeline: TimelinePart[];
  /** What a parked request waits for: the kind of the part that its wait becomes. */
  waitsFor?: Pick<TimelinePart, 'kind' | 'provider' | 'reason'>;
}

/**
 * - `queue`: waited for a worker to take it. `limit`: waited for a permit; `reason` is the scope and what it had too
 *   little of. `circuit`: its deployment was out of rotation. `backoff`: before a retry. `attempt`: a provider was called.
 * - `skip`: a step of the plan was not asked; `reason` begins with what was in the way: `circuit`, `hold`, `limit`, `request`.
 * - `other`: everything between (hand-overs); a few milliseconds.
 */
export interface TimelinePart {
  kind: 'queue' | 'limit' | 'circuit' | 'hold' | 'backoff' | 'skip' | 'attempt' | 'other';
  /** Unix milliseconds. */
  untilMs: number;
  provider?: string;
  reason?: string;
  /** Of a wait whose place it decided; absent: normal. */
  priority?: Priority;
  /** Of an attempt: its number and its outcome, `ok` or a failure code. */
  attempt?: number;
  outcome?: string;
  /** Of a streamed attempt: milliseconds since its call, and the output tokens until then by the broker's own count. */
  tokens?: readonly (readonly [ms: number, tokens: number])[];
  /** Of a streamed attempt: frames that it has sent to the client. */
  frames?: number;
  /** Of an attempt that ran beside another: when it was called, Unix milliseconds; and whether it was the second of them. */
  sinceMs?: number;
  isHedge?: true;
  /** The client had the beginning of an answer that broke off: the provider went on behind it, or said all of it again. */
  rescue?: 'continued' | 'repeated';
}

export const NO_PROGRESS: RequestProgress = Object.freeze({
  failuresAtStep: 0,
  skipped: [],
  revisited: null,
  failures: [],
  calls: 0,
  costPicoUsd: '0',
  timeline: [],
});
