// The only place that depends on BullMQ's layout in Redis and on internals of its classes. Operations that run once per request
// are scripts of our own on BullMQ's layout; the rest (stalled jobs, delays, promotion, removal, failed jobs) is left to BullMQ.
// Why: docs/decisions/2026-11-28-own-scripts-on-bullmq.md. What BullMQ does: docs/reference/bullmq-and-ioredis.md.
//
// Assumptions, verified by test/integration/queue/bullmq-contract.test.ts for the installed version:
// - keys `<prefix>:<queue>:` wait, active, marker, meta, delayed, prioritized, stalled, `<job id>`, `<job id>:lock`;
// - a plain job is a hash with name, data, opts, timestamp, delay, priority; `ats` counts its starts, `defa` is the reason why it
//   was given up after too many stalls; it is pushed onto the left of `wait` and taken from the right;
// - a marker `0` in the sorted set `marker` wakes one blocked worker, a marker `1` carries the score of a delayed job;
// - a delayed job's score is its unix time in ms, times 0x1000;
// - a request under a lease that is put back (put-back.lua, free-workers.lua) looks like a job that was started before;
// - jobs that take turns (fair-turns.lua) are in `prioritized`, scored by their order: BullMQ's own scripts, and workers of
//   earlier releases, take the lowest score first and remove it there; the names `turns`, `turn:…` and `paid` are ours;
// - a lock is a string with the worker's token; code that removes it also removes the job from `stalled`;
// - `Worker#waitForJob`, `Worker#extendJobLocks`, `Worker#moveToActive`, `backend.disconnectBlocking`.
import { type ConnectionOptions, Job, Worker } from 'bullmq';
import { jobId, type Lane, type RequestJob } from '../contracts/job.ts';
import { type Turn, writeTurn } from '../contracts/turn.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import {
  joinScripts,
  type LuaScript,
  loadLuaScript,
  type ScriptCall,
  type ScriptFunction,
  withFunctions,
} from '../storage/lua-script.ts';

export type QueueJob = Job<RequestJob, void, string>;

/** Two queues per provider, one for each lane. */
export function queueName(provider: string, lane: Lane): string {
  return `${provider}-${lane}`;
}

/** A failed job means that crashing workers lost its request, or a bug: kept for inspection. */
export const JOB_OPTIONS = {
  removeOnComplete: true,
  removeOnFail: { age: 24 * 3_600, count: 5_000 },
  attempts: 1,
  stackTraceLimit: 1,
};

const fairTurns = loadLuaScript(import.meta.url, './fair-turns.lua');
const withTurns = (script: LuaScript): LuaScript => withFunctions(fairTurns, script);

export const addScript = withTurns(loadLuaScript(import.meta.url, './add-jobs.lua'));
const takeScript = withTurns(loadLuaScript(import.meta.url, './take-job.lua'));
const promoteScript = withTurns(loadLuaScript(import.meta.url, './promote-jobs.lua'));
const leaveScript = loadLuaScript(import.meta.url, './leave-turns.lua');
export const offerScript = loadLuaScript(import.meta.url, './offer-job.lua');
const renewScript = loadLuaScript(import.meta.url, './renew-leases.lua');
const putBackScript = loadLuaScript(import.meta.url, './put-back.lua');
const finishScript = loadLuaScript(import.meta.url, './finish-job.lua');

/** Keys of one queue, and script calls on them. */
export interface QueueLayout {
  /** Adds jobs; existing ones stay unchanged. @param turn for all of them; absent: first come, first served. */
  add(jobs: readonly RequestJob[], turn?: Turn): ScriptCall;
  /** Hands a new request to a free worker under a lease. */
  offer(job: RequestJob, terms: OfferTerms): ScriptCall;
  /** Makes delayed jobs due immediately. */
  promote(atMost: number): ScriptCall;
  /** Removes the job from the fair turns; returns -1 if a worker has it under a lease. */
  leaveTurns(job: RequestJob): ScriptCall;
  renewLeases(ids: readonly string[]): ScriptCall;
  /** Turns a request under a lease into a job. @param dueAtMs null: immediately, before all others. */
  putBack(job: RequestJob, dueAtMs: number | null, turn: Turn | undefined): ScriptCall;
  take(scripts: QueueScripts, lock: LockTerms): ScriptCall;
  /** @param closing runs before the job is removed, in the same step. */
  finish(scripts: QueueScripts, job: FinishedJob, lock: LockTerms, closing: ScriptCall | null): ScriptCall;
}

export interface FinishedJob {
  id: string;
  /** The request was handed to this worker under a lease: there is no job. */
  isLeased: boolean;
  /** Takes the next job in the same step. */
  wantsNext: boolean;
}

export interface OfferTerms {
  /** Unix ms by the clock of Redis. */
  sentAtMs: number;
  /** The worker in the same process; empty if there is none. */
  nearWorkerId: string;
}

export interface LockTerms {
  token: string;
  durationMs: number;
  /** Its id in the list of free workers; empty if it is not listed. */
  workerId: string;
}

/**
 * Other workers take over the jobs of a killed worker in under ten seconds: the duration of a lock, renewed every quarter of it,
 * plus at most one interval of the stalled check. Measured over 120 jobs and six kills: 6.0 to 8.1 s (with a lock of 10 s and an
 * interval of 5 s: 10.0 to 15.1 s).
 */
export const LOCK_DURATION_MS = 6_000;

/** The same for a request without a job; it is suspected for another second before it becomes one (free-workers.lua). */
export const LEASE_MS = 5_500;

/** Prefix of the queue's keys. */
export function queueBase(keyspace: Keyspace, provider: string, lane: Lane): string {
  return `${keyspace.queuePrefix(provider)}:${queueName(provider, lane)}:`;
}

export function queueLayout(keyspace: Keyspace, provider: string, lane: Lane): QueueLayout {
  const base = queueBase(keyspace, provider, lane);
  const freeWorkers = keyspace.freeWorkers(queueName(provider, lane), provider);
  const leases = keyspace.leases(queueName(provider, lane), provider);
  const takeKeys = [`${base}wait`, freeWorkers];
  const addKeys = ['wait', 'marker', 'meta', 'prioritized'].map((name) => base + name);
  const takeArguments = ({ claim }: QueueScripts, { token, durationMs, workerId }: LockTerms) => [
    base,
    Date.now(),
    token,
    durationMs,
    workerId,
    claim === null ? '' : claimArguments(claim),
  ];
  return {
    add(jobs, turn) {
      const each = jobs.flatMap((job) => [jobId(job), JSON.stringify(job), turn === undefined ? '' : writeTurn(turn)]);
      return { script: addScript, keys: [...addKeys, leases], args: [base, Date.now(), STORED_OPTIONS, ...each] };
    },
    promote: (atMost) => ({ script: promoteScript, keys: [...addKeys, `${base}delayed`], args: [base, atMost] }),
    leaveTurns(job) {
      const id = jobId(job);
      return { script: leaveScript, keys: [base + id, `${base}turns`, leases], args: [base, id] };
    },
    offer(job, { sentAtMs, nearWorkerId }) {
      const { sign, channel } = keyspace.handOff;
      const args = [channel, sign, jobId(job), LEASE_MS, sentAtMs, nearWorkerId];
      return { script: offerScript, keys: [leases, freeWorkers], args };
    },
    renewLeases: (ids) => ({ script: renewScript, keys: [leases], args: [LEASE_MS, ...ids] }),
    putBack(job, dueAtMs, turn) {
      const id = jobId(job);
      const keys = [leases, base + id, ...['wait', 'marker', 'meta', 'delayed'].map((name) => base + name)];
      const written = turn === undefined ? '' : writeTurn(turn);
      const args = [id, JSON.stringify(job), STORED_OPTIONS, Date.now(), written, dueAtMs ?? ''];
      return { script: putBackScript, keys, args };
    },
    take: (scripts, lock) => ({ script: scripts.take, keys: takeKeys, args: takeArguments(scripts, lock) }),
    finish(scripts, { id, isLeased, wantsNext }, lock, closing) {
      const flags = [wantsNext ? '1' : '', isLeased ? '1' : ''];
      return {
        script: closing === null ? scripts.finish : scripts.closeAndFinish(closing.script),
        keys: [...takeKeys, ...(closing?.keys ?? [])],
        args: [id, ...flags, ...takeArguments(scripts, lock), ...(closing?.args ?? [])],
      };
    },
  };
}

const writtenClaims = new WeakMap<ScriptFunction, string>();

/** The same for all jobs of a consumer, and only read when a job is taken. */
function claimArguments(claim: ScriptFunction): string {
  let written = writtenClaims.get(claim);
  if (written === undefined) {
    written = JSON.stringify(claim.args.map(String));
    writtenClaims.set(claim, written);
  }
  return written;
}

/** Options as stored in jobs. */
export const STORED_OPTIONS = JSON.stringify(JOB_OPTIONS);

/** The scripts of a consumer: what belongs to one step is one script if one server has all keys. */
export interface QueueScripts {
  /** Defines `claim_request`: the request of a job is claimed in the step that takes the job. */
  claim: ScriptFunction | null;
  take: LuaScript;
  finish: LuaScript;
  closeAndFinish(closing: LuaScript): LuaScript;
}

/** @param claim claims a job's request in the step that takes the job; null on Redis Cluster, where their keys are on different servers. */
export function queueScripts(claim: ScriptFunction | null): QueueScripts {
  const take: LuaScript = {
    command: claim === null ? takeScript.command : `${takeScript.command}_claim`,
    source: (claim?.source ?? 'local claim_request = nil\n') + takeScript.source,
  };
  const finish = joinScripts(`${take.command}_after`, { take_job: take }, closingNothing(finishScript));
  const closers = new Map<string, LuaScript>();
  return {
    claim,
    take,
    finish,
    closeAndFinish(closing) {
      let joined = closers.get(closing.command);
      if (joined === undefined) {
        const parts = { take_job: take, close_books: closing };
        joined = joinScripts(`${take.command}_after_${closing.command}`, parts, finishScript);
        closers.set(closing.command, joined);
      }
      return joined;
    },
  };
}

/** Redis scripts cannot test whether a global exists, so the name is defined as nil. */
function closingNothing({ command, source }: LuaScript): LuaScript {
  return { command, source: `local close_books = nil\n${source}` };
}

/** Reply of take-job.lua, and its part of finish-job.lua's. */
export type Taken =
  | { kind: 'job'; job: TakenJob; hasMore: boolean; delayedUntilMs: number }
  | { kind: 'none'; delayedUntilMs: number }
  | { kind: 'other' }
  | { kind: 'lost' };

/** Parses the reply of finish-job.lua: the next job, and the reply of the closing script. */
export function readFinished(reply: unknown): { taken: Taken; closed: unknown } {
  const [taken, closed] = reply as [unknown, unknown];
  return { taken: readTaken(taken), closed };
}

export interface TakenJob {
  id: string;
  data: RequestJob;
  /** Why BullMQ gave the job up: its workers died too often. */
  deferredFailure: string | null;
  /** Reply of the claim script if it ran in the same step (buffers), or the claim that came with a handed-off request. */
  claim: unknown;
  /** Present if the request was handed to this worker without a job (offer-job.lua). */
  lease?: Lease;
}

export interface Lease {
  /** Its turn if it becomes a job. */
  turn(): Turn | undefined;
}

export function readTaken(reply: unknown): Taken {
  const [kind, ...rest] = reply as [Buffer, ...unknown[]];
  switch (kind.toString() as Taken['kind']) {
    case 'job': {
      const [id, data, reason, more, delayedUntilMs, claim] = rest as [Buffer, Buffer, Buffer, number, number, unknown];
      return {
        kind: 'job',
        job: {
          id: id.toString(),
          data: JSON.parse(data.toString()) as RequestJob,
          deferredFailure: reason.length === 0 ? null : reason.toString(),
          claim: Array.isArray(claim) ? claim : null,
        },
        hasMore: more === 1,
        delayedUntilMs,
      };
    }
    case 'none':
      return { kind: 'none', delayedUntilMs: rest[0] as number };
    case 'lost':
      return { kind: 'lost' };
    default:
      return { kind: 'other' };
  }
}

/** Private to BullMQ's class. */
interface BlockingWorker {
  waitForJob(delayedUntilMs: number): Promise<number>;
}

export interface BullMqOptions {
  connection: ConnectionOptions;
  prefix: string;
  lockDuration: number;
  stalledInterval: number;
  maxStalledCount: number;
  drainDelay: number;
}

/** BullMQ's own worker, for rare operations; makes the protected methods of its loop callable from ours. */
export class RareWorker extends Worker<RequestJob, void, string> {
  constructor(name: string, options: BullMqOptions) {
    super(name, null, { ...options, autorun: false });
  }

  /** Blocks until there may be a job; resolves with 0 for now, else with the unix ms at which a delayed one is due. */
  waitForMarker(delayedUntilMs: number): Promise<number> {
    return (this as unknown as BlockingWorker).waitForJob(delayedUntilMs);
  }

  /** Takes a job with BullMQ's own script, which also returns due delayed jobs to the queue. */
  async takeByBullMq(token: string): Promise<Taken> {
    const [fields, id, , delayedUntilMs] = await this.backend.moveToActive(token, this.opts.name);
    if (!fields || !id) return { kind: 'none', delayedUntilMs: Number(delayedUntilMs ?? 0) };
    const { data, defa } = fields as unknown as { data: string; defa?: string };
    const job = { id, data: JSON.parse(data) as RequestJob, deferredFailure: defa ?? null, claim: null };
    return { kind: 'job', job, hasMore: true, delayedUntilMs: 0 };
  }

  stopWaiting(): Promise<void> {
    return this.backend.disconnectBlocking(true);
  }

  extendLocks(ids: string[], tokens: string[], durationMs: number): Promise<unknown> {
    return this.extendJobLocks(ids, tokens, durationMs);
  }

  /** BullMQ's object for the job; rejects if the job no longer exists. */
  async find(id: string): Promise<QueueJob> {
    const job = await Job.fromId<RequestJob, void, string>(this, id);
    if (job === undefined) throw new Error(`Job ${id} is gone`);
    return job;
  }
}
