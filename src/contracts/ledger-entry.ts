// One attempt's cost, written exactly once. Crosses the ledger stream as JSON (money as decimal strings).
import type { DeadLetterNotice } from './dead-letter.ts';
import type { Lane } from './job.ts';
import type { RequestLabels, TimelinePart } from './request-record.ts';

/**
 * - `settled`: the provider's own usage, or nothing was served.
 * - `estimated`: the attempt ended in view of the broker, but the provider gave no usage: counted by the broker.
 * - `unsettled`: nobody saw how it ended (a worker died during the call): the estimate made before the call.
 */
export type LedgerState = 'settled' | 'estimated' | 'unsettled';

export interface LedgerEntry {
  requestId: string;
  attempt: number;
  keyId: string;
  projectId?: string;
  organisationId?: string;
  labels?: RequestLabels;
  /** Public model asked for. */
  model: string;
  provider: string;
  deployment: string;
  /** Which of the provider's credentials, by name; absent where it has no choice of them. */
  credential?: string;
  upstreamModel: string;
  protocol: string;
  lane: Lane;
  isStream: boolean;
  state: LedgerState;
  /** `ok` or a failure code. */
  outcome: string;
  /** Unix milliseconds. */
  startedAtMs: number;
  queueMs: number;
  /** From the call to the first byte of the answer; null when none came. */
  firstByteMs: number | null;
  durationMs: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Picodollars owed to the provider, as a decimal string. */
  costPicoUsd: string;
  /** What explains the cost; absent where tokens and prices are all there is to it. */
  details?: CostDetails;
}

export interface CostDetails {
  /** What was used of which nobody knows the price (`output_image`, `web_search`): it is not in the cost, or as text. */
  unpriced?: readonly string[];
  /** Figures of the provider that cannot be true, in its own words: an estimate stands in their place. */
  disputed?: string;
  /** The tier that served it, where it is not the ordinary one. */
  serviceTier?: string;
  /** It was made beside another one that was slow to begin. */
  hedge?: true;
  /** Calls of the provider's own tools. */
  toolCalls?: Readonly<Record<string, number>>;
}

/** How one accepted request ended; written once, with its last attempt or without one. */
export interface RequestOutcome {
  requestId: string;
  keyId: string;
  projectId?: string;
  organisationId?: string;
  labels?: RequestLabels;
  /** Whose credits are charged. */
  creditAccount?: string;
  model: string;
  protocol: string;
  lane: Lane;
  isStream: boolean;
  /** `ok` or a failure code. */
  outcome: string;
  /** Provider and upstream model that answered; null when nobody did. */
  provider: string | null;
  upstreamModel: string | null;
  acceptedAtMs: number;
  finishedAtMs: number;
  /** Attempts that called a provider. */
  attempts: number;
  costPicoUsd: string;
  /** Where its time went, from acceptance to its end. */
  timeline: readonly TimelinePart[];
  /** Ten-thousandths of a dollar for credits: the cost, rounded up once. */
  chargeUnits: number;
  /** What must happen beside the books: its response is written, its end is told to webhooks. Absent: nothing. */
  aftermath?: { hasResponse: boolean; isAnnounced: boolean };
}

/** One entry of the ledger stream: either part may be missing. */
export interface LedgerMessage {
  attempt?: LedgerEntry;
  request?: RequestOutcome;
  /** With an outcome that an operator should see. */
  deadLetter?: DeadLetterNotice;
}
