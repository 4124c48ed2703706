// Circuit breakers of the deployments, of one model where a deployment is a wildcard; shared by all workers.
//
// closed      calls pass. Opened by `failures` failures within the window that are at least half of its calls, or at
//             once by a refusal (an exhausted quota, a rejected credential).
// open        no calls until the cooldown is over; it doubles while probes keep failing. A request without an
//             alternative waits for it. One such request a second is let through, so that the recovery of the provider
//             is noticed before the cooldown is over.
// half open   cooldown over: one call at a time passes, the probe. Its success closes the circuit, its failure opens it
//             again. After an undecided probe (the client left, its request was bad) the next call becomes the probe at
//             once; after a probe that reports nothing, it does so after PROBE_MS.
//
// Calls are judged by when they began: a call that began before the circuit opened says nothing about the provider since then,
// and the end of a long stream must not close a circuit that opened meanwhile. Openings and closings are announced to every
// process (rotation.ts).
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
  /** After a refusal. Longer than the others, because quotas and credentials are fixed by people. */
  refusalCooldownMs: number;
}

export type CircuitState =
  | { kind: 'closed' }
  /** Check again after `waitMs`; `code` is the failure that opened the circuit. */
  | { kind: 'open'; waitMs: number; code: FailureCode };

export interface Circuits {
  /**
   * For plans; uses only what was announced. False once the cooldown is over: while another provider answers every request,
   * a deployment is probed only if a plan begins with it.
   */
  isOpen(circuit: string): boolean;
  /** Not closed as far as this process knows: open, or its cooldown is over and no probe has succeeded yet. */
  isSuspect(circuit: string): boolean;
  /** Whether a call may be made now. With `closed` the caller may be the probe. No round trip while the circuit is closed. */
  check(circuit: string, hasAlternative: boolean): Promise<CircuitState>;
  /** @param ageMs how long ago the call began, as in all reports. */
  reportSuccess(circuit: string, ageMs: number): void;
  reportFailure(circuit: string, settings: CircuitSettings, kind: Verdict, code: FailureCode, ageMs: number): void;
  /** The call ended without a verdict on the deployment. If it was the probe, the next call becomes the probe. */
  reportUndecided(circuit: string, ageMs: number): void;
  /** Applies an announcement of report.lua; other messages are ignored. */
  hear(announcement: string): void;
  /** Reads which circuits are open: at the start, and to make up for missed announcements. */
  refresh(): Promise<void>;
}

/** A refusal opens the circuit at once. */
export type Verdict = 'failure' | 'refusal';

const PROBE_MS = 30_000;
const LONE_SPACING_MS = 1_000;
/** Clients choose the names of wildcard models, so a circuit that was not probed for this long is removed. */
const REMOVED_AFTER_MS = 600_000;
/** For the same reason, successes are counted for at most this many circuits. */
const MAX_COUNTED = 5_000;

const reportScript = loadLuaScript(import.meta.url, './report.lua');
const probeScript = loadLuaScript(import.meta.url, './probe.lua');
const openScript = loadLuaScript(import.meta.url, './open-circuits.lua');

interface Successes {
  count: number;
  sinceMs: number;
}

export function createCircuits(redis: RedisClient, keyspace: Keyspace, onError: (error: Error) => void): Circuits {
  /** By this process's clock, calculated from the remaining time that Redis reports. */
  let openUntilMs = new Map<string, number>();
  const successes = new Map<string, Successes>();
  /** Announcements that arrived while the snapshot was being read; the snapshot may be older than they are. */
  let heardMeanwhile: string[] | null = null;
  const clock = new RedisClock();

  /** @param leftMs null if the circuit is closed. */
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
    // The oldest count is dropped.
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
      // This may clear the mark of another call's probe. Then two probes run at once, which is harmless.
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

/** The format of report.lua. The name comes last, because clients choose it and it may contain spaces or any other character. */
const ANNOUNCEMENT = /^(open|closed) (\d+) (.*)$/s;

interface ReportArguments {
  ageMs: number;
  code?: FailureCode;
  /** Successes since the last report. */
  good?: number;
  settings?: CircuitSettings;
}

/** For reports that cannot open a circuit. */
const NO_SETTINGS: CircuitSettings = {
  failures: 0,
  windowMs: 0,
  cooldownMs: 0,
  maxCooldownMs: 0,
  refusalCooldownMs: 0,
};

type OpenReply = [number, ...(string | number)[]];

/** The best reading is replaced after this time, even by a slower one: after a failover Redis has another clock. */
const CLOCK_FRESH_MS = 30_000;

/**
 * Estimates the clock of Redis. A report may arrive late, on a busy machine or after an outage, so it states when the call
 * began, not how long ago.
 */
class RedisClock {
  /** Unix ms at Redis minus `performance.now()`, from the recent reading with the shortest round trip. */
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

  /** Unix ms; before the first reading, the age as a negative number. */
  startOf(ageMs: number): number {
    const age = Math.max(0, ageMs);
    return this.#aheadMs === null ? -age : Math.round(performance.now() - age + this.#aheadMs);
  }
}

/** A count starts over after this time, so that it never covers much more than the last window. */
const SUCCESSES_FRESH_MS = 10_000;
