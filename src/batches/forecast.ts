// When a batch will be done at its present rate, and whether that is too late.

export interface Forecast {
  /** Unix milliseconds; null while nothing is done, or nobody has looked for long enough. */
  etaMs: number | null;
  isAtRisk: boolean;
}

/** How far back the present reaches. */
const PRESENT_MS = 60_000;
/** Nothing is foretold from less. */
const SHORTEST_LOOK_MS = 5_000;
/** A batch that stands still is at risk when so much of its time is gone. */
const STILL_SHARE = 0.5;

export class RateMeter {
  readonly #samples: { atMs: number; done: number }[] = [];

  /** @param done lines with a result so far. */
  note(done: number, nowMs: number): void {
    this.#samples.push({ atMs: nowMs, done });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= nowMs - PRESENT_MS) this.#samples.shift();
  }

  /** Lines per second; null while too little is known. */
  get rate(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < SHORTEST_LOOK_MS) return null;
    return ((last.done - first.done) * 1_000) / (last.atMs - first.atMs);
  }
}

export interface ForecastInput {
  rate: number | null;
  remaining: number;
  startedAtMs: number;
  deadlineAtMs: number;
}

export function forecast({ rate, remaining, startedAtMs, deadlineAtMs }: ForecastInput, nowMs: number): Forecast {
  if (rate === null) return { etaMs: null, isAtRisk: false };
  if (rate <= 0) return { etaMs: null, isAtRisk: nowMs - startedAtMs > (deadlineAtMs - startedAtMs) * STILL_SHARE };
  const etaMs = Math.round(nowMs + (remaining / rate) * 1_000);
  return { etaMs, isAtRisk: etaMs > deadlineAtMs };
}
