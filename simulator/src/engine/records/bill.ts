// What the simulator served and charges: one entry per call that served a token. Sluice's ledger is compared with
// it. Tokens are billed as they were sent: an answer that breaks, or whose client goes away, bills its prompt and
// the tokens before; a call that the provider itself refused or failed before its first token is free.
import { costOf, type PicoUsd, type Price, scaleDecimal } from '../../../../src/contracts/money.ts';
import type { Usage } from '../../../../src/contracts/usage.ts';

/**
 * - `completed`: the whole answer was sent.
 * - `broken`: a fault ended it early.
 * - `aborted`: the client went away first.
 */
export type Outcome = 'completed' | 'broken' | 'aborted';

export interface BillEntry {
  /** Counts from 1 and is never reset, even if the bill is cleared. */
  sequence: number;
  atMs: number;
  /** `x-request-id` of the answer. */
  providerRequestId: string;
  /** `x-client-request-id` of the request: Sluice sends its attempt id. */
  clientRequestId: string | null;
  model: string;
  /** Protocol of the call. */
  protocol: string;
  /** The beginning of the SHA-256 of the caller's key; null if there was none. */
  keyDigest: string | null;
  usage: Usage;
  costPicoUsd: PicoUsd;
  outcome: Outcome;
  /** A line of a batch, at half the price. */
  isBatch?: true;
}

/** What a call costs by kind of token: together its whole cost. */
export interface CostParts {
  input: PicoUsd;
  cachedInput: PicoUsd;
  cacheWrite: PicoUsd;
  output: PicoUsd;
}

export interface BillTotals {
  calls: number;
  inputTokens: number;
  cachedInputTokens: number;
  outputTokens: number;
  reasoningTokens: number;
  costPicoUsd: PicoUsd;
}

/** USD per million tokens. */
export interface PriceList {
  input: number;
  cachedInput?: number | undefined;
  cacheWrite?: number | undefined;
  output: number;
}

/** About 500 bytes each, 120 MB in all. Beyond it the oldest entries are dropped; the totals keep counting them. */
export const MAX_BILL_ENTRIES = 250_000;

/** USD per million tokens to picodollars per token: six decimals. */
const PICO_DECIMALS_PER_MILLION = 6;

export function priceOf(list: PriceList): Price {
  const perToken = (usdPerMillion: number) => scaleDecimal(String(usdPerMillion), PICO_DECIMALS_PER_MILLION);
  return {
    input: perToken(list.input),
    cachedInput: perToken(list.cachedInput ?? list.input),
    cacheWrite: perToken(list.cacheWrite ?? list.input),
    output: perToken(list.output),
  };
}

const NOTHING: BillTotals = Object.freeze({
  calls: 0,
  inputTokens: 0,
  cachedInputTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costPicoUsd: 0n,
});

export class Bill {
  /** A ring once it is full. */
  #entries: BillEntry[] = [];
  #start = 0;
  #sequence = 0;
  /** Prices of the entries, which are not part of the bill. */
  readonly #prices = new WeakMap<BillEntry, Price>();
  #totals: BillTotals = { ...NOTHING };

  add(entry: Omit<BillEntry, 'sequence' | 'costPicoUsd'>, price: Price): void {
    const costPicoUsd = costOf(entry.usage, price);
    this.#sequence += 1;
    const kept = { sequence: this.#sequence, ...entry, costPicoUsd };
    this.#prices.set(kept, price);
    this.#keep(kept);
    const { usage } = entry;
    const totals = this.#totals;
    totals.calls += 1;
    totals.inputTokens += usage.inputTokens;
    totals.cachedInputTokens += usage.cachedInputTokens;
    totals.outputTokens += usage.outputTokens;
    totals.reasoningTokens += usage.reasoningTokens;
    totals.costPicoUsd += costPicoUsd;
  }

  totals(): BillTotals {
    return { ...this.#totals };
  }

  /** In the order in which calls ended: those with a sequence above `after`, at most `limit`. */
  entries(after = 0, limit = MAX_BILL_ENTRIES): BillEntry[] {
    const skipped = Math.max(0, after - (this.#entries[this.#start]?.sequence ?? 1) + 1);
    const count = Math.min(limit, Math.max(0, this.#entries.length - skipped));
    return Array.from(
      { length: count },
      (_, index) => this.#entries[(this.#start + skipped + index) % this.#entries.length]!,
    );
  }

  partsOf(entry: BillEntry): CostParts {
    const price = this.#prices.get(entry)!;
    const { inputTokens, cachedInputTokens, cacheWriteTokens } = entry.usage;
    const without = { ...entry.usage, outputTokens: 0, reasoningTokens: 0 };
    const cachedInput = costOf(
      { ...without, inputTokens: cachedInputTokens, cacheWriteTokens: 0, longCacheWriteTokens: 0 },
      price,
    );
    const cacheWrite = costOf({ ...without, inputTokens: cacheWriteTokens, cachedInputTokens: 0 }, price);
    const all = costOf({ ...without, inputTokens }, price);
    return { input: all - cachedInput - cacheWrite, cachedInput, cacheWrite, output: entry.costPicoUsd - all };
  }

  clear(): void {
    this.#entries = [];
    this.#start = 0;
    this.#totals = { ...NOTHING };
  }

  #keep(entry: BillEntry): void {
    if (this.#entries.length < MAX_BILL_ENTRIES) {
      this.#entries.push(entry);
      return;
    }
    this.#entries[this.#start] = entry;
    this.#start = (this.#start + 1) % MAX_BILL_ENTRIES;
  }
}
