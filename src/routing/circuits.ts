// Circuit breakers of the deployments, of one model where a deployment is a wildcard; shared by all workers.
//
// closed      calls pass. Opened by `failures` failures within the window that are at least half of its calls, or at
//             once by a refusal (an exhausted quota, a rejected credential).
// open        no calls until its cooldown is over, which doubles while probes keep failing. A request that has nowhere
//             else to go waits for it; one of them a second is let through, so that a provider that has recovered is
//             not waited for.
// half open   cooldown over: one call at a time passes, the probe. Its success closes the circuit, its failure opens it
//             again; one that tells nothing (the client left, its request was bad) lets the next one through at once,
//             and silence after PROBE_MS.
//
// A call counts by when it began: one that began before the circuit opened says nothing about the provider since, and a stream
// of minutes must not close what has opened meanwhile. Openings and closings are announced to every process (rotation.ts).
//
// A healthy deployment costs nothing here: successes are counted in the process and reported with the next failure.
import type { FailureCode } from '../contracts/failure-table.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface CircuitSettings {
  failures: number;
  windowMs: number;
  cooldownMs: number;
  maxCooldownMs: number;
  /** After a refusal: money and credentials are cured by people, not by seconds. */
  refusalCooldownMs: number;
}

export type CircuitState =
  | { kind: 'closed' }
  /** Asking again makes sense after `waitMs`; `code` is what opened it. */
  | { kind: 'open'; waitMs: number; code: FailureCode };

export interface Circuits {
  /**
   * For plans, from what was announced. False once the cooldown is over: where another provider answers everything,
   * nothing but a plan that begins with this one brings it its probe.
   */
  isOpen(circuit: string): boolean;
  /** Not closed as far as is known: open, or with its cooldown over and nobody who has tried it. */
  isSuspect(circuit: string): boolean;
  /** May a call be made now? `closed` may make the caller the probe. Free while nothing is open. */
  check(circuit: string, hasAlternative: boolean): Promise<CircuitState>;
  /** @param ageMs how long ago the call began; so in all reports. */
  reportSuccess(circuit: string, ageMs: number): void;
  reportFailure(circuit: string, settings: CircuitSettings, kind: Verdict, code: FailureCode, ageMs: number): void;
  /** The call ended without telling anything about the deployment. Was it the probe, the next call is one. */
  reportUndecided(circuit: string, ageMs: number): void;
  /** What report.lua has announced; anything else is ignored. */
  hear(announcement: string): void;
  /** Reads which circuits are open: at the start, and to repair what was announced and not heard. */
  refresh(): Promise<void>;
}

/** A refusal opens the circuit at once. */
export type Verdict = 'failure' | 'refusal';

const PROBE_MS = 30_000;
const LONE_SPACING_MS = 1_000;
/** Names of wildcard models come from clients; a circuit without a probe for so long is removed. */
const REMOVED_AFTER_MS = 600_000;
/** For the same reason no more circuits than this have their successes counted. */
const MAX_COUNTED = 5_000;

const reportScript = loadLuaScript(import.meta.url, './report.lua');
const probeScript = loadLuaScript(import.meta.url, './probe.lua');
const openScript = loadLuaScript(import.meta.url, './open-circuits.lua');

interface Successes {
  count: number;
  sinceMs: number;
}

export function createCircuits(redis: RedisClient, keyspace: Keyspace, onError: (error: Error) => void): Circuits {
  /** By this process's clock: Redis, which opens and closes them, tells how long it takes yet. */
  let openUntilMs = new Map<string, number>();
  const successes = new Map<string, Successes>();
  /** Heard while the snapshot was under way, which may be older. */
  let heardMeanwhile: string[] | null = null;
  const clock = new RedisClock();

  /** @param leftMs null: it is closed. */
  function note(circuit: string, leftMs: number | null): void {
    if (leftMs === null) openUntilMs.delete(circuit);
    else openUntilMs.set(circuit, Date.now() + leftMs);
  }

  async function report(
    circuit: string,
    kind: Verdict | 'success' | 'undecided',
    args: ReportArguments,
  ): Promise<void> {
    const { code = '', good = 0, ageMs, settings = NO_SETTINGS } = args;
    const { windowMs, failures, cooldownMs, maxCooldownMs, refusalCooldownMs } = settings;
    const limits = [windowMs, failures, cooldownMs, maxCooldownMs, refusalCooldownMs];
    const keys = [keyspace.circuit(circuit), keyspace.openCircuits];
    const values = [circuit, kind, code, good, ...limits, clock.startOf(ageMs), keyspace.rotationChannel];
    note(circuit, (await runScript(redis, reportScript, keys, values)) as number | null);
  }

  /** Successes of the last window: older ones say nothing about now. */
  function takeSuccesses(circuit: string, windowMs: number): number {
    const counted = successes.get(circuit);
    successes.delete(circuit);
    return counted === undefined || Date.now() - counted.sinceMs > windowMs ? 0 : counted.count;
  }

  function countSuccess(circuit: string): void {
    const counted = successes.get(circuit);
    const isFresh = counted !== undefined && Date.now() - counted.sinceMs < SUCCESSES_FRESH_MS;
    // The one that was counted first makes room.
    if (counted === undefined && successes.size >= MAX_COUNTED) successes.delete(successes.keys().next().value!);
    successes.set(circuit, isFresh ? { ...counted, count: counted.count + 1 } : { count: 1, sinceMs: Date.now() });
  }

  function apply(announcement: string): void {
    const [, kind, leftMs, circuit] = ANNOUNCEMENT.exec(announcement) ?? [];
    if (circuit === undefined) return;
    note(circuit, kind === 'open' ? Number(leftMs) : null);
    // They began before it opened.
    if (kind === 'open') successes.delete(circuit);
  }

  return {
    isOpen: (circuit) => (openUntilMs.get(circuit) ?? 0) > Date.now(),
    isSuspect: (circuit) => openUntilMs.has(circuit),

    async check(circuit, hasAlternative) {
      if (!openUntilMs.has(circuit)) return { kind: 'closed' };
      const keys = [keyspace.circuit(circuit), keyspace.openCircuits];
      const args = [circuit, PROBE_MS, hasAlternative ? 0 : LONE_SPACING_MS];
      const [waitMs, code] = (await runScript(redis, probeScript, keys, args)) as [number, FailureCode?];
      if (waitMs < 0) openUntilMs.delete(circuit);
      return waitMs <= 0 ? { kind: 'closed' } : { kind: 'open', waitMs, code: code! };
    },

    reportSuccess(circuit, ageMs) {
      if (openUntilMs.has(circuit)) report(circuit, 'success', { ageMs }).catch(onError);
      else countSuccess(circuit);
    },

    reportFailure(circuit, settings, kind, code, ageMs) {
      const good = takeSuccesses(circuit, settings.windowMs);
      report(circuit, kind, { code, good, ageMs, settings }).catch(onError);
    },

    reportUndecided(circuit, ageMs) {
      // Another call's probe may be dropped with it: then two are under way, which does no harm.
      if (openUntilMs.has(circuit)) report(circuit, 'undecided', { ageMs }).catch(onError);
    },

    hear(announcement) {
      heardMeanwhile?.push(announcement);
      apply(announcement);
    },

    async refresh() {
      const heard: string[] = [];
      heardMeanwhile = heard;
      const askedAtMs = performance.now();
      const reply = (await runScript(redis, openScript, [keyspace.openCircuits], [REMOVED_AFTER_MS])) as OpenReply;
      const [nowMs, ...open] = reply;
      clock.note(nowMs, askedAtMs);
      const told = new Map<string, number>();
      for (let at = 0; at < open.length; at += 2) told.set(open[at] as string, Date.now() + (open[at + 1] as number));
      openUntilMs = told;
      for (const announcement of heard) apply(announcement);
      if (heardMeanwhile === heard) heardMeanwhile = null;
    },
  };
}

/** As report.lua says it. The name comes last: it may have spaces in it, and whatever else a client has put there. */
const ANNOUNCEMENT = /^(open|closed) (\d+) (.*)$/s;

interface ReportArguments {
  ageMs: number;
  code?: FailureCode;
  /** Successes since the last report. */
  good?: number;
  settings?: CircuitSettings;
}

/** Of reports that open nothing. */
const NO_SETTINGS: CircuitSettings = {
  failures: 0,
  windowMs: 0,
  cooldownMs: 0,
  maxCooldownMs: 0,
  refusalCooldownMs: 0,
};

type OpenReply = [number, ...(string | number)[]];

/** A server that takes over has another clock. */
const CLOCK_FRESH_MS = 30_000;

/**
 * What time it is for Redis. A report may be late, on a busy machine or after an outage: when a call began is said as it was,
 * not as so long before the report arrives.
 */
class RedisClock {
  /** Ahead of this process's own, by the quickest recent answer. */
  #aheadMs: number | null = null;
  #roundTripMs = Number.POSITIVE_INFINITY;
  #readAtMs = Number.NEGATIVE_INFINITY;

  note(redisMs: number, askedAtMs: number): void {
    const now = performance.now();
    const roundTripMs = now - askedAtMs;
    if (roundTripMs > this.#roundTripMs && now - this.#readAtMs < CLOCK_FRESH_MS) return;
    this.#aheadMs = redisMs - (askedAtMs + now) / 2;
    this.#roundTripMs = roundTripMs;
    this.#readAtMs = now;
  }

  /** Unix ms; while nothing has been read, the age as a negative number. */
  startOf(ageMs: number): number {
    const age = Math.max(0, ageMs);
    return this.#aheadMs === null ? -age : Math.round(performance.now() - age + this.#aheadMs);
  }
}

/** A count that has run for so long starts over, so that it never spans more than about two windows. */
const SUCCESSES_FRESH_MS = 10_000;
