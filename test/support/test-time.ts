// A clock for scripts in Redis and for `Date`: minutes pass in a second, and every run is the same. A test that uses it has
// `vi.useFakeTimers({ toFake: ['Date'] })`.
import { hash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { vi } from 'vitest';
import type { RedisClient } from '#src/storage/redis.ts';
import { ScriptCommand } from '#src/storage/script-command.ts';

const CLOCK = 'test:clock';
const TEST_TIME = `local function test_time()
  local ms = tonumber(redis.call('GET', '${CLOCK}'))
  return {math.floor(ms / 1000), ms % 1000 * 1000}
end
`;

/** Its scripts go by the clock of the test. As in the product, a script's source is sent once and its digest from then on. */
export function withTestTime(client: Redis): Redis {
  const send = client.sendCommand.bind(client);
  const digests = new Map<string, string>();
  client.sendCommand = (...sent: Parameters<Redis['sendCommand']>) => {
    const [command] = sent;
    if (!(command instanceof ScriptCommand)) return send(...sent);
    const [, keys, ...rest] = command.args as [string, string, ...string[]];
    const call = (verb: string, script: string) =>
      command.wantsBuffers ? client.callBuffer(verb, script, keys, ...rest) : client.call(verb, script, keys, ...rest);
    const digest = digests.get(command.source);
    if (digest !== undefined) return call('EVALSHA', digest);
    const source = TEST_TIME + command.source.replaceAll("redis.call('TIME')", 'test_time()');
    digests.set(command.source, hash('sha1', source, 'hex'));
    return call('EVAL', source);
  };
  return client;
}

/** What happens next, by time. */
export class Schedule {
  nowMs = 0;
  readonly #redis: RedisClient;
  #events: { atMs: number; run: () => Promise<void> }[] = [];

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  async begin(atMs: number): Promise<void> {
    await this.#moveTo(atMs);
  }

  at(atMs: number, run: () => Promise<void>): void {
    const place = this.#events.findLastIndex((event) => event.atMs <= atMs);
    this.#events.splice(place + 1, 0, { atMs, run });
  }

  async runUntil(endMs: number): Promise<void> {
    while (this.#events.length > 0 && this.#events[0]!.atMs <= endMs) {
      const { atMs, run } = this.#events.shift()!;
      await this.#moveTo(atMs);
      await run();
    }
    await this.#moveTo(endMs);
  }

  async #moveTo(atMs: number): Promise<void> {
    if (atMs <= this.nowMs) return;
    this.nowMs = atMs;
    vi.setSystemTime(atMs);
    await this.#redis.set(CLOCK, Math.floor(atMs));
  }
}
