// Who may have how many lines open. The window (all open lines of all batches) is what the providers work on; a batch's
// part of it is its part of their rate.
//
// First, deadlines: earliest first, each batch gets what it needs to be done in time at the present rate, as far as the
// window lasts. Then fairness: the rest is shared out by the weights of the keys, a key's batches sharing equally, up
// to what each can use. Every batch keeps at least one line going.

export interface WindowClaim {
  batchId: string;
  keyId: string;
  /** Of its key. */
  weight: number;
  deadlineAtMs: number;
  /** Lines without a result. */
  remaining: number;
}

/** Estimates err, and the end of a batch is slower than its middle. */
const SAFETY = 1.25;
/** What deadlines may take of the window: the others go on, if slowly. */
const DEADLINE_SHARE = 0.9;
const ROUNDS = 32;

/**
 * Open lines by batch id. All processes compute the same from the same rows, so the window holds over the fleet.
 *
 * @param linesPerSecond what all batches together have done lately; 0 while nobody knows.
 */
export function shareWindow(
  claims: readonly WindowClaim[],
  window: number,
  linesPerSecond: number,
  nowMs: number,
): Map<string, number> {
  const guaranteed = guarantees(claims, window * DEADLINE_SHARE, linesPerSecond, nowMs);
  const weights = weightsOf(claims);
  const shareAt = (claim: WindowClaim, level: number) =>
    Math.min(claim.remaining, Math.max(guaranteed.get(claim.batchId)!, level * weights.get(claim.batchId)!));
  // The level at which the shares fill the window: more of it never gives a batch less, so halving finds it.
  let [low, high] = [0, window / Math.min(1, ...weights.values())];
  for (let round = 0; round < ROUNDS; round++) {
    const middle = (low + high) / 2;
    const used = claims.reduce((sum, claim) => sum + shareAt(claim, middle), 0);
    if (used > window) high = middle;
    else low = middle;
  }
  return new Map(claims.map((claim) => [claim.batchId, Math.max(1, Math.floor(shareAt(claim, high)))]));
}

function guarantees(
  claims: readonly WindowClaim[],
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

function weightsOf(claims: readonly WindowClaim[]): Map<string, number> {
  const batchesOfKey = new Map<string, number>();
  for (const { keyId } of claims) batchesOfKey.set(keyId, (batchesOfKey.get(keyId) ?? 0) + 1);
  return new Map(claims.map(({ batchId, keyId, weight }) => [batchId, weight / batchesOfKey.get(keyId)!]));
}
