// The processes under test: killed at random, restarted at once, and stopped at the end.
import { nextFraction, type Random } from '#simulator/engine/answers/random.ts';
import type { TestBroker, TestProcess } from '#test/support/broker.ts';
import { isAlive } from '#test/support/end-with-parent.ts';

/** `combined`: an API and a worker in one process. */
type Tier = 'api' | 'worker' | 'combined';

export interface Kill {
  what: Tier | 'redis';
  /** Null if it has no API. */
  url: string | null;
  atMs: number;
  /** When it, or its successor, was running again. */
  untilMs: number;
}

interface Slot {
  what: Tier;
  /** Null while it starts. */
  running: TestProcess | null;
}

export interface Fleet {
  readonly kills: readonly Kill[];
  /** URLs of the running API processes. */
  apiUrls(): string[];
  /** Kills a random running process. Kills none if no API or no worker would be left, since slow machines restart slowly. */
  killOne(random: Random): void;
  /** Kills Redis and restarts it from its file after this time. */
  restartRedis(awayMs: number): Promise<void>;
  /** Resolves when every process is running again. */
  whole(): Promise<void>;
  /** Sends SIGTERM to all; returns problems: bad exit codes, remaining processes. */
  leave(): Promise<string[]>;
}

/** A process that starts while Redis is down exits at once. */
const START_AGAIN_MS = 250;

const START: Record<Tier, (broker: TestBroker) => Promise<TestProcess>> = {
  api: (broker) => broker.startApi(),
  worker: (broker) => broker.startWorker(),
  combined: (broker) => broker.startCombined(),
};

function tierOf({ entry }: TestProcess): Tier {
  return entry === 'workers/combined.ts' ? 'combined' : 'api';
}

export function createFleet(broker: TestBroker): Fleet {
  const kills: Kill[] = [];
  const slots: Slot[] = [
    ...broker.apis.map((running) => ({ what: tierOf(running), running })),
    ...broker.workers.map((running) => ({ what: 'worker' as const, running })),
  ];
  const starting = new Set<Promise<void>>();

  async function startUntilRunning(slot: Slot, kill: Kill): Promise<void> {
    for (;;) {
      try {
        slot.running = await START[slot.what](broker);
        kill.untilMs = Date.now();
        return;
      } catch {
        await pause(START_AGAIN_MS);
      }
    }
  }

  return {
    kills,
    apiUrls: () =>
      slots.flatMap(({ what, running }) => (what !== 'worker' && running !== null ? [urlOf(running)] : [])),
    killOne(random) {
      const alive = slots.filter(({ running }) => running !== null);
      const isWhole = (left: readonly Slot[]) =>
        left.some(({ what }) => what !== 'worker') && left.some(({ what }) => what !== 'api');
      const spare = alive.filter((slot) => isWhole(alive.filter((other) => other !== slot)));
      const slot = spare[Math.floor(nextFraction(random) * spare.length)];
      if (slot === undefined) return;
      const victim = slot.running!;
      const kill = {
        what: slot.what,
        url: slot.what === 'worker' ? null : urlOf(victim),
        atMs: Date.now(),
        untilMs: 0,
      };
      kills.push(kill);
      slot.running = null;
      const started = victim.kill().then(() => startUntilRunning(slot, kill));
      starting.add(started);
      void started.finally(() => starting.delete(started));
    },
    async restartRedis(awayMs) {
      const kill: Kill = { what: 'redis', url: null, atMs: Date.now(), untilMs: 0 };
      kills.push(kill);
      await broker.redis.kill();
      await pause(awayMs);
      await broker.redis.restart();
      kill.untilMs = Date.now();
    },
    whole: async () => void (await Promise.all(starting)),
    async leave() {
      await Promise.all(starting);
      const started = [...broker.apis, ...broker.workers];
      const leaving = slots.map(({ running }) => running!);
      await Promise.all(leaving.map((running) => running.stop()));
      const codes = leaving.filter(({ child }) => child.exitCode !== 0);
      return [
        ...codes.map(({ child }) => `process ${child.pid} exited with ${child.exitCode ?? child.signalCode}`),
        ...started.filter(({ child }) => isAlive(child.pid!)).map(({ child }) => `process ${child.pid} still runs`),
      ];
    },
  };
}

function urlOf({ details }: TestProcess): string {
  return String(details.url);
}

export function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
