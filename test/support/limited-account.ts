// An account with exact limits: requests, tokens, input and output tokens in any sixty seconds, and concurrent calls. It
// measures its caller: how much of each limit was used, how many calls had to be refused, and how many came before an
// announced wait was over. The time is passed in.

export interface AccountLimits {
  requests: number;
  tokens: number;
  inputTokens: number;
  outputTokens: number;
  concurrency: number;
}

export interface Shape {
  inputTokens: number;
  outputTokens: number;
  callMs: number;
}

export interface Verdict {
  calls: number;
  refused: number;
  refusedBy: Record<string, number>;
  /** Calls that came although an earlier refusal had announced a longer wait. */
  early: number;
  /** Of each limit, from 0 to 1. */
  used: Record<keyof AccountLimits, number>;
}

export interface Refusal {
  by: Rate | 'concurrency';
  waitMs: number;
}

/** Not limited, and not announced. */
export const UNLIMITED = 1e9;
export const MINUTE_MS = 60_000;
export const RATES = ['requests', 'tokens', 'inputTokens', 'outputTokens'] as const;
export type Rate = (typeof RATES)[number];

/** The account of the proof (`npm run limits-proof`, and its short form as a test), calls that its requests or calls at once limit … */
export const LIMITS: AccountLimits = {
  requests: 600,
  tokens: 100_000,
  inputTokens: UNLIMITED,
  outputTokens: UNLIMITED,
  concurrency: 20,
};
export const SMALL: Shape = { inputTokens: 60, outputTokens: 40, callMs: 1_000 };
/** … one that limits input and output apart, and one of another size. */
export const APART: AccountLimits = {
  requests: 1_000,
  tokens: UNLIMITED,
  inputTokens: 50_000,
  outputTokens: 16_000,
  concurrency: 60,
};
export const times = (limits: AccountLimits, factor: number): AccountLimits => ({
  ...limits,
  requests: Math.round(limits.requests * factor),
  tokens: Math.round(limits.tokens * factor),
  concurrency: Math.max(1, Math.round(limits.concurrency * factor)),
});

const CONCURRENCY_WAIT_MS = 1_000;
/** A call may be on its way while another one is refused. */
const ON_ITS_WAY_MS = 250;

interface Book {
  calls: number;
  refused: number;
  refusedBy: Record<string, number>;
  early: number;
  totals: Record<Rate | 'callMs', number>;
}

const emptyBook = (): Book => ({
  calls: 0,
  refused: 0,
  refusedBy: {},
  early: 0,
  totals: { requests: 0, tokens: 0, inputTokens: 0, outputTokens: 0, callMs: 0 },
});

export class LimitedAccount {
  limits: AccountLimits;
  #starts: { atMs: number; amounts: Record<Rate, number> }[] = [];
  #inFlight = 0;
  #closedFromMs = 0;
  #closedUntilMs = 0;
  #book = emptyBook();

  constructor(limits: AccountLimits) {
    this.limits = limits;
  }

  /** Null: the call has begun. */
  begin({ inputTokens, outputTokens }: Shape, nowMs: number): Refusal | null {
    if (nowMs > this.#closedFromMs + ON_ITS_WAY_MS && nowMs < this.#closedUntilMs) this.#book.early += 1;
    const amounts = { requests: 1, tokens: inputTokens + outputTokens, inputTokens, outputTokens };
    const refusal = this.#judge(amounts, nowMs);
    if (refusal !== null) return this.#refuse(refusal, nowMs);
    this.#starts.push({ atMs: nowMs, amounts });
    for (const rate of RATES) this.#book.totals[rate] += amounts[rate];
    this.#book.calls += 1;
    this.#inFlight += 1;
    return null;
  }

  end({ callMs }: Shape): void {
    this.#inFlight -= 1;
    this.#book.totals.callMs += callMs;
  }

  used(rate: Rate, nowMs: number): number {
    while (this.#starts.length > 0 && this.#starts[0]!.atMs <= nowMs - MINUTE_MS) this.#starts.shift();
    return this.#starts.reduce((sum, { amounts }) => sum + amounts[rate], 0);
  }

  /** Time until nothing of its minute is used any more. */
  resetMs(nowMs: number): number {
    const last = this.#starts.at(-1);
    return last === undefined ? 0 : last.atMs + MINUTE_MS - nowMs;
  }

  /** Since the last query. */
  takeBook(): Book {
    const book = this.#book;
    this.#book = emptyBook();
    return book;
  }

  #judge(amounts: Record<Rate, number>, nowMs: number): Refusal | null {
    if (this.#inFlight >= this.limits.concurrency) return { by: 'concurrency', waitMs: CONCURRENCY_WAIT_MS };
    for (const rate of RATES) {
      const waitMs = this.#waitMs(rate, amounts[rate], nowMs);
      if (waitMs > 0) return { by: rate, waitMs };
    }
    return null;
  }

  /** Until so much fits; 0: now. */
  #waitMs(rate: Rate, amount: number, nowMs: number): number {
    let over = this.used(rate, nowMs) + amount - this.limits[rate];
    for (const { atMs, amounts } of this.#starts) {
      if (over <= 0) break;
      over -= amounts[rate];
      if (over <= 0) return atMs + MINUTE_MS - nowMs;
    }
    return 0;
  }

  #refuse(refusal: Refusal, nowMs: number): Refusal {
    this.#book.refused += 1;
    this.#book.refusedBy[refusal.by] = (this.#book.refusedBy[refusal.by] ?? 0) + 1;
    this.#closedFromMs = nowMs;
    this.#closedUntilMs = Math.max(this.#closedUntilMs, nowMs + refusal.waitMs);
    return refusal;
  }
}

/** Of all accounts of a provider together. */
export function verdictOf(accounts: readonly LimitedAccount[], overMs: number): Verdict {
  const books = accounts.map((account) => account.takeBook());
  const sum = (of: (book: Book) => number) => books.reduce((total, book) => total + of(book), 0);
  const limit = (name: keyof AccountLimits) => accounts.reduce((total, { limits }) => total + limits[name], 0);
  const minutes = overMs / MINUTE_MS;
  const refusedBy: Record<string, number> = {};
  for (const [by, count] of books.flatMap((book) => Object.entries(book.refusedBy))) {
    refusedBy[by] = (refusedBy[by] ?? 0) + count;
  }
  return {
    calls: sum(({ calls }) => calls),
    refused: sum(({ refused }) => refused),
    refusedBy,
    early: sum(({ early }) => early),
    used: {
      requests: sum(({ totals }) => totals.requests) / (limit('requests') * minutes),
      tokens: sum(({ totals }) => totals.tokens) / (limit('tokens') * minutes),
      inputTokens: sum(({ totals }) => totals.inputTokens) / (limit('inputTokens') * minutes),
      outputTokens: sum(({ totals }) => totals.outputTokens) / (limit('outputTokens') * minutes),
      concurrency: sum(({ totals }) => totals.callMs) / (limit('concurrency') * overMs),
    },
  };
}
