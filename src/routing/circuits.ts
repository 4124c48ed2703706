// Circuit breakers of the deployments, shared by all workers.
//
// closed      calls pass. Opened by `failuresToOpen` failures within the window that are at least half of its calls, or
//             at once by a refusal (an exhausted quota, a rejected credential).
// open        no calls until its cooldown is over: 5 s, doubling up to a minute while probes keep failing.
// half open   cooldown over: one call at a time passes, the probe. Its success closes the circuit, its failure opens it
//             again, its silence lets the next one through after PROBE_MS.
//
// A healthy deployment costs nothing here: successes are counted in the process and reported with the next failure.
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface Circuits {
  /** From the snapshot of at most half a second ago; for plans. */
  isOpen(deploymentId: string): boolean;
  /** Milliseconds until a call may be made, 0 for now. May make the caller the probe. Free while nothing is open. */
  waitMs(deploymentId: string): Promise<number>;
  reportSuccess(deploymentId: string): void;
  reportFailure(deploymentId: string, kind: 'failure' | 'refusal'): void;
  /** Reads the snapshot; called on a timer by whoever owns the process. */
  refresh(): Promise<void>;
}

export const CIRCUIT_REFRESH_MS = 500;
const WINDOW_MS = 10_000;
const FAILURES_TO_OPEN = 5;
const FIRST_COOLDOWN_MS = 5_000;
const LONGEST_COOLDOWN_MS = 60_000;
/** Money and credentials are cured by people, not by seconds. */
const REFUSAL_COOLDOWN_MS = 60_000;
const PROBE_MS = 30_000;

const reportScript = loadLuaScript(import.meta.url, './report.lua');
const probeScript = loadLuaScript(import.meta.url, './probe.lua');

export function createCircuits(redis: RedisClient, keyspace: Keyspace, onError: (error: Error) => void): Circuits {
  let openUntilMs = new Map<string, number>();
  const successes = new Map<string, { count: number; sinceMs: number }>();

  /** Those of the current window: older ones say nothing about now. */
  function recentSuccesses(deploymentId: string): number {
    const counted = successes.get(deploymentId);
    if (counted !== undefined && Date.now() - counted.sinceMs > WINDOW_MS) successes.delete(deploymentId);
    return successes.get(deploymentId)?.count ?? 0;
  }

  async function report(deploymentId: string, what: 'success' | 'failure' | 'refusal'): Promise<void> {
    const good = recentSuccesses(deploymentId);
    successes.delete(deploymentId);
    const keys = [keyspace.circuit(deploymentId), keyspace.openCircuits];
    const thresholds = [WINDOW_MS, FAILURES_TO_OPEN, FIRST_COOLDOWN_MS, LONGEST_COOLDOWN_MS, REFUSAL_COOLDOWN_MS];
    const until = (await runScript(redis, reportScript, keys, [deploymentId, what, good, ...thresholds])) as number;
    if (until > 0) openUntilMs.set(deploymentId, until);
    else openUntilMs.delete(deploymentId);
  }

  return {
    isOpen: (deploymentId) => openUntilMs.has(deploymentId),

    async waitMs(deploymentId) {
      if (!openUntilMs.has(deploymentId)) return 0;
      const keys = [keyspace.circuit(deploymentId), keyspace.openCircuits];
      return (await runScript(redis, probeScript, keys, [deploymentId, PROBE_MS])) as number;
    },

    reportSuccess(deploymentId) {
      if (openUntilMs.has(deploymentId)) report(deploymentId, 'success').catch(onError);
      else
        successes.set(deploymentId, {
          count: recentSuccesses(deploymentId) + 1,
          sinceMs: successes.get(deploymentId)?.sinceMs ?? Date.now(),
        });
    },

    reportFailure(deploymentId, kind) {
      report(deploymentId, kind).catch(onError);
    },

    async refresh() {
      const open = await redis.hgetall(keyspace.openCircuits);
      openUntilMs = new Map(Object.entries(open).map(([deploymentId, until]) => [deploymentId, Number(until)]));
    },
  };
}
