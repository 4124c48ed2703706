// One attempt's cost, written exactly once. Crosses the ledger stream as JSON (money as decimal strings).
import type { Lane } from './job.ts';

/**
 * - `settled`: the vendor's own usage, or nothing was served.
 * - `estimated`: the attempt ended in view of the broker, but the vendor gave no usage: counted by the broker.
 * - `unsettled`: nobody saw how it ended (a worker died during the call): the estimate made before the call.
 */
export type LedgerState = 'settled' | 'estimated' | 'unsettled';

export interface LedgerEntry {
  requestId: string;
  attempt: number;
  keyId: string;
  /** Public model asked for. */
  model: string;
  provider: string;
  deployment: string;
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
  /** Picodollars owed to the vendor, as a decimal string. */
  costPicoUsd: string;
  /** Ten-thousandths of a dollar taken from the key's budget: on the request's last attempt, 0 on earlier ones. */
  chargeUnits: number;
}
