// What a chaos client does. Everything is chosen from the seed in advance, so that the same seed gives the same errands,
// independent of the course of the run.
import { hashText, nextFraction, type Random } from '#simulator/engine/answers/random.ts';
import { SPOKEN, type SpokenName } from '#test/support/spoken-protocols.ts';

export interface Errand {
  name: string;
  protocol: SpokenName;
  prompt: string;
  manner: 'whole' | 'stream' | 'async';
  /** Its Idempotency-Key. */
  key: string | null;
  /** It leaves after this time and does not come back; null if it stays. */
  leavesAfterMs: number | null;
  /** Its connection breaks after this time, not because of the broker; it comes back to another instance. Null if not. */
  dropsAfterMs: number | null;
  /** Before it starts. */
  pauseMs: number;
}

const STREAMED_SHARE = 0.6;
const ASYNC_SHARE = 0.12;
const KEYED_SHARE = 0.6;
const LEAVER_SHARE = 0.08;
const DROPPER_SHARE = 0.25;
const LEAST_TOKENS = 10;
const MOST_TOKENS = 60;
const LONGEST_PAUSE_MS = 1_500;
/** Most streams are still running at this time. */
const LONGEST_STAY_MS = 2_000;

/** @param seed the seed of the run, so that prompts of different runs differ. */
export function chooseErrand(random: Random, name: string, seed: number): Errand {
  const chance = (share: number) => nextFraction(random) < share;
  const between = (least: number, most: number) => Math.round(least + nextFraction(random) * (most - least));
  const protocol = SPOKEN[between(0, SPOKEN.length - 1)]!;
  const tokens = between(LEAST_TOKENS, MOST_TOKENS);
  const manner = chance(ASYNC_SHARE) ? 'async' : chance(STREAMED_SHARE) ? 'stream' : 'whole';
  const key = chance(KEYED_SHARE) ? `chaos-${seed}-${name}` : null;
  const leaves = chance(LEAVER_SHARE) && manner !== 'async';
  const drops = chance(DROPPER_SHARE) && manner === 'stream' && key !== null && !leaves;
  const stayMs = between(50, LONGEST_STAY_MS);
  return {
    name,
    protocol,
    prompt: `[[sim tokens=${tokens}]] Errand ${hashText(name, seed).toString(36)}.`,
    manner,
    key,
    leavesAfterMs: leaves ? stayMs : null,
    dropsAfterMs: drops ? stayMs : null,
    pauseMs: between(0, LONGEST_PAUSE_MS),
  };
}
