// Learns how many tokens calls of a model really use, compared with their estimate and their `max_tokens`. Learned while a limit
// that counts them is learned too; shared by all processes and kept over restarts. The error of a prompt's estimate depends on
// the model; most answers end long before their `max_tokens`.
import { LRUCache } from 'lru-cache';
import { atMost } from '../contracts/cache-size.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface TokenPair {
  inputTokens: number;
  outputTokens: number;
}

export interface TokenEstimates {
  /** @param model its name from `circuitOf`. @param reserved the estimated input, and the maximum output. */
  expect(model: string, reserved: TokenPair): TokenPair;
  /** Returns at once. */
  learn(model: string, reserved: TokenPair, used: TokenPair): void;
  /** Reads what other processes have learned, and publishes what was learned here. */
  exchange(): Promise<void>;
  stop(): void;
}

interface Habit {
  /** Input counted by the provider, relative to the estimate. */
  inputShare: number;
  /** Output tokens of recent answers: mean, and mean absolute deviation. */
  output: number;
  deviation: number;
}

/** Length of the moving average, in calls. */
const CALLS = 20;
/** Factor by which an estimate may be off; anything beyond is an error. */
const MOST_OFF = 4;
const MAX_MODELS = 5_000;
const SHARE_EVERY_MS = 5_000;
const FORGOTTEN_MS = 7 * 86_400_000;

export function createTokenEstimates(
  redis: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
): TokenEstimates {
  const habits = new LRUCache<string, Habit>(atMost(MAX_MODELS));
  const changed = new Set<string>();

  async function write(): Promise<void> {
    const fields: Record<string, string> = {};
    for (const model of changed) {
      const habit = habits.get(model);
      if (habit !== undefined) fields[model] = [habit.inputShare, habit.output, habit.deviation].map(round).join(' ');
    }
    changed.clear();
    if (Object.keys(fields).length === 0) return;
    await redis.hset(keyspace.tokenEstimates, fields);
    await redis.pexpire(keyspace.tokenEstimates, FORGOTTEN_MS);
  }

  /** Reads what other processes have learned; averages it with values changed here. */
  async function read(): Promise<void> {
    for (const [model, text] of Object.entries(await redis.hgetall(keyspace.tokenEstimates))) {
      const [inputShare, output, deviation] = text.split(' ').map(Number);
      if (![inputShare, output, deviation].every(Number.isFinite)) continue;
      const read = { inputShare: inputShare!, output: output!, deviation: deviation! };
      const own = changed.has(model) ? habits.get(model) : undefined;
      habits.set(model, own === undefined ? read : between(own, read));
    }
  }

  const exchange = () => read().then(write);
  const timer = setInterval(() => {
    if (changed.size > 0) exchange().catch(onError);
  }, SHARE_EVERY_MS);
  return {
    expect(model, reserved) {
      const habit = habits.get(model);
      if (habit === undefined) return reserved;
      return {
        inputTokens: Math.ceil(reserved.inputTokens * habit.inputShare),
        outputTokens: Math.min(reserved.outputTokens, Math.ceil(habit.output + habit.deviation)),
      };
    },
    learn(model, reserved, used) {
      const share = clamp(used.inputTokens / Math.max(1, reserved.inputTokens));
      const habit = habits.get(model) ?? { inputShare: share, output: used.outputTokens, deviation: 0 };
      habits.set(model, {
        inputShare: habit.inputShare + (share - habit.inputShare) / CALLS,
        output: habit.output + (used.outputTokens - habit.output) / CALLS,
        deviation: habit.deviation + (Math.abs(used.outputTokens - habit.output) - habit.deviation) / CALLS,
      });
      changed.add(model);
    },
    exchange,
    stop: () => clearInterval(timer),
  };
}

function clamp(share: number): number {
  return Math.min(MOST_OFF, Math.max(1 / MOST_OFF, share));
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function between(a: Habit, b: Habit): Habit {
  return {
    inputShare: (a.inputShare + b.inputShare) / 2,
    output: (a.output + b.output) / 2,
    deviation: (a.deviation + b.deviation) / 2,
  };
}
