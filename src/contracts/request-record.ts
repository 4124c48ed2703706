// The record of an accepted request. The API tier writes it before the job is queued; afterwards only its mutable part changes
// (src/reply/request-store.ts).
import type { Failure } from './failure.ts';
import type { Lane } from './job.ts';
import type { ChargeTerms } from './money.ts';
import type { ResponseKeeping } from './response-keeping.ts';
import type { DetourCode, RoutePlan, StrategyName } from './route-plan.ts';
import type { Scope } from './scope.ts';
import type { TraceContext } from './trace-context.ts';
import type { Priority } from './turn.ts';

/** Version of all data that crosses processes; readers refuse newer versions than their own. */
export const CONTRACT_VERSION = 1;

/** Cap of estimates for limits and budgets: above any provider's context, and too small to overflow sums. */
export const MAX_ESTIMATED_TOKENS = 10_000_000;

/** The amounts reserved for a request, in each budget that it counts towards. */
export interface BudgetReservation {
  /**
   * Amounts are picodollars, decimal. Absent in records of earlier releases. `isCharge`: the budget counts charges, not costs.
   */
  parts?: readonly { account: string; amount: string; isCharge?: true }[];
}

/** Labels for reports, in addition to the request's own properties. */
export interface RequestLabels {
  /** The batch that it is a line of. */
  batch?: string;
  /** An agent's session, by its own header. */
  session?: string;
  /** From the client's `x-sluice-tags`. */
  tags?: readonly string[];
}

/** Accounts above the key that a request counts towards. */
export interface RequestAccounts {
  project?: string;
  organisation?: string;
  /** Account whose prepaid balance is charged, and the terms. */
  credits?: { account: string } & ChargeTerms;
}

/** The part that never changes after acceptance. */
export interface RequestSpec {
  version: number;
  requestId: string;
  keyId: string;
  /** Limits of the key, as a scope of the limiter; null if it has none. */
  keyScope: Scope | null;
  /** Limits of its project and organisation; absent if they have none. */
  accountScopes?: readonly Scope[];
  accounts?: RequestAccounts;
  /** Labels that reports can group by; absent: none. */
  labels?: RequestLabels;
  /** The amounts reserved in the key's budgets; null if it has none. The name is that of earlier releases. */
  budgetHold: BudgetReservation | null;
  /** Bytes of its body, if they are counted (reply/body-quota.ts). */
  countedBytes?: number;
  /** Its own span; absent if it is not traced. */
  trace?: TraceContext;
  /** Which client protocol the answer is written in. */
  protocol: string;
  /** The model as the client named it. */
  model: string;
  lane: Lane;
  /** Priority among the requests of its key; absent: normal. */
  priority?: Priority;
  /** Weight of its key relative to other keys; absent: 1. */
  weight?: number;
  isStream: boolean;
  /** How the client gets a stream's usage; the broker asks its providers for it in any case. */
  usageDelivery: 'none' | 'own-event' | 'last-event';
  /** The usage so far is in every chunk, if the provider sends it there. */
  hasRunningUsage?: boolean;
  /** Client headers that are forwarded to a provider of the same protocol: versions, betas. */
  forwardedHeaders: Record<string, string>;
  /** Number of requested answers. */
  choices: number;
  plan: RoutePlan;
  /** The client's routing preferences, for the plan of a replay; absent: none. */
  wishes?: RouteWishes;
  /** The failed request that this one replaces. */
  replayOf?: string;
  /** Unix milliseconds by the API's clock. */
  acceptedAtMs: number;
  /** Unix milliseconds of the deadline. */
  deadlineAtMs: number;
  /** API instance that holds the client's connection: where frames are announced. */
  inbox: string;
  /**
   * When an abandoned request is cancelled. `client`: when the client's connection closes. `resumable`: when no client has
   * come back for a while (it has an idempotency key). `nobody`: never (asynchronous, batch line).
   */
  lifetime: 'client' | 'resumable' | 'nobody';
  /** How long record and log are kept after the end. Milliseconds. */
  retentionMs: number;
  estimatedInputTokens: number;
  /** Upper bound of the answer's tokens if the request sets one, else the model's default estimate. */
  estimatedOutputTokens: number;
  /** The requested service tier, by OpenAI's names; absent for the default one. */
  serviceTier?: string;
  /** Set if it continues stored state, or its response can be retrieved later. */
  response?: ResponseKeeping;
  /** Its end is reported to webhooks. Not set for batch lines, whose batch is reported instead. */
  isAnnounced?: boolean;
}

/** Whether its record is deleted once the client has the answer, which cannot be fetched again (src/api/relay/note-end.ts). */
export function isForgottenWhenDelivered({ isStream, lifetime, response }: RequestSpec): boolean {
  return !isStream && lifetime === 'client' && response === undefined;
}

/** In the form of src/routing/plan-route.ts. */
export interface RouteWishes {
  alternativeModels?: readonly string[];
  preferences?: ProviderPreferences;
  pinnedProvider?: string;
}

/** The body extension `provider`, as in OpenRouter. */
export interface ProviderPreferences {
  order?: readonly string[];
  only?: readonly string[];
  ignore?: readonly string[];
  allowFallbacks?: boolean;
  /** Only providers that get every field of the request. */
  requireParameters?: boolean;
  sort?: StrategyName;
  /** Whether a second provider may be called while the first is slow to begin; absent: as configured for the model. */
  hedge?: boolean;
  /** USD per million tokens; deployments that cost more, or whose price is unknown, are left out. */
  maxInputPrice?: number;
  maxOutputPrice?: number;
}

/** Progress of the attempts; passed from one delivery to the next. */
export interface RequestProgress {
  /** Failed attempts at the current step. */
  failuresAtStep: number;
  /** Steps that were skipped without a call. The request waits for them if the rest of the plan has failed. */
  skipped: { step: number; readyAtMs: number }[];
  /** The skipped step that is the current one, if any. */
  revisited: number | null;
  /** The detour that replaces the plan's steps: its first position, and the failures that led to it (the last one selects it). */
  detour?: { from: number; codes: DetourCode[] };
  /** Position of the second, parallel attempt; a request has at most one. `hasFailed`: it failed, and counts for that step. */
  hedge?: { place: number; hasFailed?: true };
  /** One failure per step that was given up, and the latest of the current step. */
  failures: Failure[];
  /** Attempts that called a provider. */
  calls: number;
  /** Picodollars owed for attempts so far, as a decimal string. */
  costPicoUsd: string;
  /** How the time was spent, without gaps: each part begins when the one before ended, the first at acceptance. */
  timeline: TimelinePart[];
  /** What a parked request waits for; its wait becomes a timeline part of this kind. */
  waitsFor?: Pick<TimelinePart, 'kind' | 'provider' | 'reason'>;
}

/**
 * - `queue`: waited for a worker. `limit`: waited for a permit; `reason` is the scope and the limit that was full. `circuit`: its
 *   deployment was out of rotation. `backoff`: waited before a retry. `attempt`: a provider was called.
 * - `skip`: a step of the plan was not called; `reason` begins with the cause: `circuit`, `hold`, `limit`, `request`.
 * - `other`: everything in between (hand-overs); a few milliseconds.
 */
export interface TimelinePart {
  kind: 'queue' | 'limit' | 'circuit' | 'hold' | 'backoff' | 'skip' | 'attempt' | 'other';
  /** Unix milliseconds. */
  untilMs: number;
  provider?: string;
  reason?: string;
  /** Priority of a wait in which it mattered; absent: normal. */
  priority?: Priority;
  /** For an attempt: its number and its outcome, `ok` or a failure code. */
  attempt?: number;
  outcome?: string;
  /** For a streamed attempt: milliseconds since its call, and output tokens until then by the broker's count. */
  tokens?: readonly (readonly [ms: number, tokens: number])[];
  /** For a streamed attempt: number of frames sent to the client. */
  frames?: number;
  /** For an attempt that ran in parallel with another: when it was called, Unix milliseconds, and whether it was the second. */
  sinceMs?: number;
  isHedge?: true;
  /** The attempt resumed a cut-off answer: the provider continued it, or repeated it from the start. */
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
