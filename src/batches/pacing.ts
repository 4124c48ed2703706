// How fast batches progress, when each will be done, and how many lines of each may be in flight.
//
// All batches share a number of slots for lines in flight; a batch's share of the slots is its share of the throughput.
// First, deadlines: earliest first, each batch gets the slots that it needs to finish in time at the current rate, while
// there are any. Then fairness: the rest is divided by the weights of the keys, equally among the batches of a key, up to
// what each can use. Every batch has at least one slot.

export interface SlotClaim {
  batchId: string;
  keyId: string;
  /** Weight of its key. */
  weight: number;
  deadlineAtMs: number;
  /** Lines without a result. */
  remaining: number;
}

/** For errors of the estimate; the end of a batch is also slower than its middle. */
const SAFETY = 1.25;
/** Share of the slots that deadlines may take: other batches slow down but do not stop. */
const DEADLINE_SHARE = 0.9;
const ROUNDS = 32;

/**
 * Slots by batch id. All processes compute the same from the same rows, so the total is right across the fleet.
 *
 * @param linesPerSecond recent rate of all batches together; 0 while it is not known.
 */
export function shareSlots(
  claims: readonly SlotClaim[],
  slots: number,
  linesPerSecond: number,
  nowMs: number,
): Map<string, number> {
  const guaranteed = guarantees(claims, slots * DEADLINE_SHARE, linesPerSecond, nowMs);
  const weights = weightsOf(claims);
  const shareAt = (claim: SlotClaim, level: number) =>
    Math.min(claim.remaining, Math.max(guaranteed.get(claim.batchId)!, level * weights.get(claim.batchId)!));
  // Bisects for the level at which the shares add up to all slots; shares grow with the level.
  let [low, high] = [0, slots / Math.min(1, ...weights.values())];
  for (let round = 0; round < ROUNDS; round++) {
    const middle = (low + high) / 2;
    const used = claims.reduce((sum, claim) => sum + shareAt(claim, middle), 0);
    if (used > slots) high = middle;
    else low = middle;
  }
  return new Map(claims.map((claim) => [claim.batchId, Math.max(1, Math.floor(shareAt(claim, high)))]));
}

function guarantees(
  claims: readonly SlotClaim[],
  available: number,
  linesPerSecond: number,
  nowMs: number,
): Map<string, number> {
  const given = new Map<string, number>();
  let left = available;
  for (const claim of [...claims].sort((a, b) => a.deadlineAtMs - b.deadlineAtMs)) {
    const secondsLeft = Math.max(1, (claim.deadlineAtMs - nowMs) / 1_000);
    const neededRate = (claim.remaining / secondsLeft) * SAFETY;
    const needed = linesPerSecond === 0 ? 0 : Math.min(1, neededRate / linesPerSecond) * available;
    given.set(claim.batchId, Math.min(needed, left));
    left -= Math.min(needed, left);
  }
  return given;
}

function weightsOf(claims: readonly SlotClaim[]): Map<string, number> {
  const batchesOfKey = new Map<string, number>();
  for (const { keyId } of claims) batchesOfKey.set(keyId, (batchesOfKey.get(keyId) ?? 0) + 1);
  return new Map(claims.map(({ batchId, keyId, weight }) => [batchId, weight / batchesOfKey.get(keyId)!]));
}

/** When a batch will be done at its current rate, and whether that is too late. */
export interface Forecast {
  /** Unix milliseconds; null while the rate is zero or not known. */
  etaMs: number | null;
  isAtRisk: boolean;
}

/** The rate is measured over this much of the past. */
const RATE_SPAN_MS = 60_000;
/** A shorter span gives no rate. */
const SHORTEST_SPAN_MS = 5_000;
/** A batch without progress is at risk after this share of its time. */
const STILL_SHARE = 0.5;

export class RateMeter {
  readonly #samples: { atMs: number; done: number }[] = [];

  /** @param done lines with a result so far. */
  note(done: number, nowMs: number): void {
    this.#samples.push({ atMs: nowMs, done });
    while (this.#samples.length > 2 && this.#samples[1]!.atMs <= nowMs - RATE_SPAN_MS) this.#samples.shift();
  }

  /** Lines per second; null while the measured span is too short. */
  get rate(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < SHORTEST_SPAN_MS) return null;
    return ((last.done - first.done) * 1_000) / (last.atMs - first.atMs);
  }
}

interface ForecastInput {
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
