// Reproducible random numbers: the same text and seed give the same numbers on every machine, so that answers, and faults by
// probability, can be reproduced. Not for secrets.

/** 53 bits of a text (cyrb53): wide enough that a million prompts do not collide. */
export function hashText(text: string, seed = 0): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return 0x100000000 * (0x1fffff & low) + (high >>> 0);
}

/** Gives whole numbers from 0 to 2^32 - 1 (mulberry32). */
export type Random = () => number;

export function createRandom(seed: number): Random {
  let state = (seed ^ Math.floor(seed / 0x100000000)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

const RANDOM_RANGE = 0x100000000;

/** A number in [0, 1). */
export function nextFraction(random: Random): number {
  return random() / RANDOM_RANGE;
}
