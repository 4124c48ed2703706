// One attempt's cost, written exactly once. Crosses the ledger stream as JSON (money as decimal strings).
import type { DeadLetterNotice } from './dead-letter.ts';
import type { Lane } from './job.ts';
import type { RequestLabels, TimelinePart } from './request-record.ts';

/**
 * - `settled`: the provider's own usage, or nothing was served.
 * - `estimated`: the broker saw the attempt end, but the provider gave no usage: counted by the broker.
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
  /** Name of the provider's credential that was used; absent if the provider has no named credentials. */
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
  /** From the call to the first byte of the answer; null if none came. */
  firstByteMs: number | null;
  durationMs: number;
  inputTokens: number;
  cachedInputTokens: number;
  cacheWriteTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  /** Picodollars owed to the provider, as a decimal string. */
  costPicoUsd: string;
  /** Details that explain the cost; absent if it follows from tokens and prices alone. */
  details?: CostDetails;
}

export interface CostDetails {
  /** What was used at an unknown price (`output_image`, `web_search`): not in the cost, or priced as text. */
  unpriced?: readonly string[];
  /** Impossible figures of the provider, as it sent them; replaced by an estimate. */
  disputed?: string;
  /** The tier that served it, if not the default one. */
  serviceTier?: string;
  /** Set if it was made in parallel with another attempt that was slow to begin. */
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
  /** Account whose credits are charged. */
  creditAccount?: string;
  model: string;
  protocol: string;
  lane: Lane;
  isStream: boolean;
  /** `ok` or a failure code. */
  outcome: string;
  /** Provider and upstream model that answered; null if none did. */
  provider: string | null;
  upstreamModel: string | null;
  acceptedAtMs: number;
  finishedAtMs: number;
  /** Attempts that called a provider. */
  attempts: number;
  costPicoUsd: string;
  /** How its time was spent, from acceptance to its end. */
  timeline: readonly TimelinePart[];
  /** Ten-thousandths of a dollar for credits: the cost, rounded up once. */
  chargeUnits: number;
  /** What must be done besides the accounting: store its response, report its end to webhooks. Absent: nothing. */
  aftermath?: { hasResponse: boolean; isAnnounced: boolean };
}

/** One entry of the ledger stream: either part may be missing. */
export interface LedgerMessage {
  attempt?: LedgerEntry;
  request?: RequestOutcome;
  /** Set if the outcome needs an operator's attention. */
  deadLetter?: DeadLetterNotice;
}
