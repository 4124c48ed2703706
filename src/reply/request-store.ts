// The record of an accepted request in Redis: its owner, its step of the route plan, whether it is done.
// Every change is one Lua script on the request's own slot, so two deliveries of one job can never both own it. The log of
// what the client receives is stored beside it (publisher.ts, reply-log.ts).
//
// States of a request
//   queued     accepted, or given back by a worker; a job for `step` is in a queue. Left by `claim`.
//   running    a worker owns it (`owner`). Left by its last frame (done), by `release` (queued), or, if the owner
//              has been silent for WORKER_SILENCE_MS, by another worker's `claim` (running, next attempt). That claim asks an
//              owner that is alive whether it still works on the request; an owner that gave it up while Redis was failing
//              answers with `disown` (queued).
//   done       the last frame is in the log. Final. Its owner may still be closing the books: the next `claim` waits for it as
//              for the owner of a running one.
// `cancelled` is a flag, not a state: a queued request is dropped at its claim, the owner of a running one is notified.

import { parseFrameId } from '../contracts/frame.ts';
import { shardOf } from '../contracts/ids.ts';
import { CONTRACT_VERSION, type RequestProgress, type RequestSpec } from '../contracts/request-record.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { PIECE_BYTES, readLarge, writeLarge } from '../storage/large-values.ts';
import {
  joinScripts,
  loadLuaScript,
  runCall,
  runScript,
  runScriptForBuffers,
  type ScriptCall,
  type ScriptFunction,
} from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';
import { type ClaimReply, type ClaimResult, readClaim, readProgress, readSpec, type WriteGrant } from './claim.ts';
import { WORKER_SILENCE_MS } from './worker-liveness.ts';

export type CancelResult =
  | { kind: 'done' }
  | { kind: 'running' }
  | { kind: 'queued'; step: number; progress: RequestProgress };

export interface IdempotencyClaim {
  /** Includes the key's owner, so that two API keys never share one. */
  name: string;
  /** Covers everything that defines the request. */
  fingerprint: string;
  timeToLiveMs: number;
}

export type AcceptResult = { kind: 'accepted' } | { kind: 'joined'; requestId: string } | { kind: 'conflict' };

export interface KnownRequest {
  requestId: string;
  fingerprint: string;
  /** It failed, was cancelled, or is forgotten: the key may be reused for another request (as in accept.lua). */
  isFree: boolean;
}

/** A read-only view of a request. */
export interface RequestView {
  spec: RequestSpec;
  state: 'queued' | 'running' | 'done';
  step: number;
  isCancelled: boolean;
  /** Clients that wait for the answer; counted for resumable requests only. */
  listeners: number;
  progress: RequestProgress;
  /** Of a request that is done: `ok`, a failure's code, or `failed` if the code is in the log. */
  outcome: string | null;
}

export interface ReleaseChange {
  fromStep: number;
  toStep: number;
  progress: RequestProgress;
  /** The open attempt never called a provider: its number is reused. */
  isAttemptUnused: boolean;
}

export interface RequestStore {
  /** Without an idempotency key the result is always `accepted`. Idempotent. */
  accept(spec: RequestSpec, body: Buffer, timeToLiveMs: number, idempotency?: IdempotencyClaim): Promise<AcceptResult>;
  /**
   * The same, as part of another script that the caller runs next; parse its reply with readAccepted. A large body is sent at once,
   * ahead of the script and over the same connection; if it does not arrive whole, the script is refused. A body whose request is
   * not accepted expires. It must be JSON, which has no zero bytes.
   */
  acceptCall(spec: RequestSpec, body: Buffer, timeToLiveMs: number, idempotency?: IdempotencyClaim): ScriptCall;
  /** The request that has this key; writes nothing. */
  findByIdempotencyKey(shard: number, name: string): Promise<KnownRequest | null>;
  /** The current record; null if it no longer exists. Throws a NewerContractError. */
  read(requestId: string): Promise<RequestView | null>;
  /** Changes the number of clients that wait for the answer; resolves with the new number. */
  changeListeners(requestId: string, change: 1 | -1): Promise<number>;
  claim(requestId: string, step: number, workerId: string, timeToLiveMs: number): Promise<ClaimResult>;
  /** The same, in the script that takes the request's job; parse its reply with readClaim. */
  claimInTake(workerId: string, timeToLiveMs: number): ScriptFunction;
  /** Opens the owner's next attempt. Null if the worker no longer owns the request: it must stop immediately. */
  continueClaim(
    requestId: string,
    workerId: string,
    progress: RequestProgress,
    timeToLiveMs: number,
  ): Promise<Pick<WriteGrant, 'attempt' | 'fenceSequence'> | null>;
  /** An attempt number for a second attempt beside the owner's open one; null if the worker no longer owns the request. */
  numberBeside(requestId: string, workerId: string, progress: RequestProgress): Promise<number | null>;
  /** Stores what the owner's ended attempts have cost while another one runs, for the next delivery. */
  noteProgress(requestId: string, workerId: string, progress: RequestProgress): Promise<void>;
  /**
   * The worker does not work on the request, although the record names it as owner: the next delivery may claim it.
   * @param booksAre of a request that is done: with `open`, the next delivery closes them.
   */
  disown(requestId: string, workerId: string, booksAre: 'closed' | 'open'): Promise<void>;
  /** False if the worker no longer owns the request. */
  release(requestId: string, workerId: string, change: ReleaseChange): Promise<boolean>;
  cancel(requestId: string): Promise<CancelResult>;
  /** For each request, whether it has its outcome or is forgotten. */
  areOver(requestIds: readonly string[]): Promise<boolean[]>;
  /** The accepted body, or null if it is gone: it is kept until the end, longer if a response is stored. */
  readBody(requestId: string): Promise<Buffer | null>;
  /** After its response is stored: removes the body; record and log are kept at most this much longer. */
  shorten(requestId: string, timeToLiveMs: number): Promise<void>;
  /** Keeps record and log at least this much longer. */
  keep(requestId: string, timeToLiveMs: number): Promise<void>;
  /**
   * Removes record, body and log: the client has everything and cannot resume.
   * @param keepsBodies the bodies are still needed, and are removed by other code.
   */
  forget(requestIds: readonly string[], keepsBodies?: boolean): Promise<void>;
}

/** Scripts carry no larger bodies: Lua copies its arguments and replies, which takes three times as long as the write itself. */
export const MAX_CARRIED_BYTES = 64 * 1024;
/** The accepting script follows within milliseconds. */
const UNACCEPTED_BODY_MS = 30_000;
const NO_BYTES = Buffer.alloc(0);

export const acceptScript = loadLuaScript(import.meta.url, './accept.lua');
const claimScript = loadLuaScript(import.meta.url, './claim.lua');
const claimInTakeScript = loadLuaScript(import.meta.url, './claim-in-take.lua');
/** Defines `claim_request` (src/queue/take-job.lua). */
const CLAIM_IN_TAKE = joinScripts('', { claim: claimScript }, claimInTakeScript).source;
export const claimNewScript = loadLuaScript(import.meta.url, './claim-new.lua');
const continueScript = loadLuaScript(import.meta.url, './continue.lua');
const besideScript = loadLuaScript(import.meta.url, './beside.lua');
const disownScript = loadLuaScript(import.meta.url, './disown.lua');
const releaseScript = loadLuaScript(import.meta.url, './release.lua');
const listenScript = loadLuaScript(import.meta.url, './listen.lua');
const cancelScript = loadLuaScript(import.meta.url, './cancel.lua');

export function createRequestStore(redis: RedisClient, keyspace: Keyspace): RequestStore {
  function acceptCall(
    spec: RequestSpec,
    body: Buffer,
    timeToLiveMs: number,
    idempotency?: IdempotencyClaim,
  ): ScriptCall {
    const { requestId } = spec;
    const { record, sentBody } = keyspace.request(requestId);
    const keys = [record];
    const isCarried = body.length <= MAX_CARRIED_BYTES;
    const args: (string | number | Buffer)[] = [JSON.stringify(spec), isCarried ? body : NO_BYTES, timeToLiveMs];
    if (isCarried) args.push('');
    else {
      args.push(`${body.length} ${PIECE_BYTES} ${sentBody}`);
      // The script finds out, and its error is the caller's.
      writeLarge(redis, sentBody, body, UNACCEPTED_BODY_MS).catch(() => undefined);
    }
    if (idempotency !== undefined) {
      const shard = shardOf(requestId);
      keys.push(keyspace.idempotency(shard, idempotency.name));
      args.push(idempotency.fingerprint, idempotency.timeToLiveMs, requestId, keyspace.recordPrefix(shard));
    }
    return { script: acceptScript, keys, args };
  }

  return {
    async accept(spec, body, timeToLiveMs, idempotency) {
      return readAccepted(await runCall(redis, acceptCall(spec, body, timeToLiveMs, idempotency)));
    },
    acceptCall,

    async findByIdempotencyKey(shard, name) {
      const known = await redis.get(keyspace.idempotency(shard, name));
      if (known === null) return null;
      const [fingerprint, requestId] = known.split(' ') as [string, string];
      const { record } = keyspace.request(requestId);
      const [state, outcome, cancelled] = await redis.hmget(record, 'state', 'outcome', 'cancelled');
      const isFree = state === null || (state === 'done' ? outcome !== 'ok' : cancelled !== null);
      return { requestId, fingerprint, isFree };
    },

    async read(requestId) {
      const { record } = keyspace.request(requestId);
      const fields = ['spec', 'state', 'step', 'cancelled', 'progress', 'outcome', 'listeners'] as const;
      const [spec, state, step, cancelled, progress, outcome, listeners] = await redis.hmget(record, ...fields);
      if (!spec) return null;
      return {
        spec: readSpec(Buffer.from(spec)),
        state: state as RequestView['state'],
        step: Number(step),
        isCancelled: cancelled !== null,
        listeners: Number(listeners ?? 0),
        progress: readProgress(progress ?? ''),
        outcome: outcome ?? null,
      };
    },

    async changeListeners(requestId, change) {
      return (await runScript(redis, listenScript, [keyspace.request(requestId).record], [change])) as number;
    },

    claimInTake: (workerId, timeToLiveMs) => ({
      source: CLAIM_IN_TAKE,
      args: [keyspace.namespace, workerId, WORKER_SILENCE_MS, timeToLiveMs, CONTRACT_VERSION, MAX_CARRIED_BYTES],
    }),

    async claim(requestId, step, workerId, timeToLiveMs) {
      const keys = keyspace.request(requestId);
      const scriptKeys = [keys.record, keys.body, keys.log, keyspace.workers(shardOf(requestId))];
      const channelPrefix = keyspace.controlChannel(shardOf(requestId), '');
      const terms = [WORKER_SILENCE_MS, timeToLiveMs, CONTRACT_VERSION, MAX_CARRIED_BYTES];
      const args = [step, workerId, ...terms, requestId, channelPrefix];
      return readClaim((await runScriptForBuffers(redis, claimScript, scriptKeys, args)) as ClaimReply);
    },

    async continueClaim(requestId, workerId, progress, timeToLiveMs) {
      const { record, log } = keyspace.request(requestId);
      const args = [workerId, JSON.stringify(progress), timeToLiveMs];
      const [attempt, fence] = (await runScript(redis, continueScript, [record, log], args)) as [number?, string?];
      return attempt === undefined ? null : { attempt, fenceSequence: parseFrameId(fence!).sequence };
    },

    async numberBeside(requestId, workerId, progress) {
      const { record } = keyspace.request(requestId);
      const args = [workerId, JSON.stringify(progress), 1];
      const attempt = (await runScript(redis, besideScript, [record], args)) as number;
      return attempt === 0 ? null : attempt;
    },

    async noteProgress(requestId, workerId, progress) {
      const { record } = keyspace.request(requestId);
      await runScript(redis, besideScript, [record], [workerId, JSON.stringify(progress), 0]);
    },

    async disown(requestId, workerId, booksAre) {
      const args = [workerId, booksAre === 'closed' ? 1 : ''];
      await runScript(redis, disownScript, [keyspace.request(requestId).record], args);
    },

    async release(requestId, workerId, change) {
      const { record } = keyspace.request(requestId);
      const { fromStep, toStep, progress, isAttemptUnused } = change;
      const args = [workerId, fromStep, toStep, JSON.stringify(progress), isAttemptUnused ? '1' : '0'];
      return (await runScript(redis, releaseScript, [record], args)) === 1;
    },

    async cancel(requestId) {
      const { record } = keyspace.request(requestId);
      const channelPrefix = keyspace.controlChannel(shardOf(requestId), '');
      const reply = await runScript(redis, cancelScript, [record], [requestId, channelPrefix]);
      const [kind, step, progress] = reply as [CancelResult['kind'], string?, string?];
      return kind === 'queued' ? { kind, step: Number(step), progress: readProgress(progress!) } : { kind };
    },

    async areOver(requestIds) {
      const states = requestIds.map((requestId) => redis.hget(keyspace.request(requestId).record, 'state'));
      return (await Promise.all(states)).map((state) => state === null || state === 'done');
    },

    readBody: (requestId) => readLarge(redis, keyspace.request(requestId).body),

    async shorten(requestId, timeToLiveMs) {
      const { record, body, log } = keyspace.request(requestId);
      await Promise.all([
        redis.pexpire(record, timeToLiveMs, 'LT'),
        redis.pexpire(log, timeToLiveMs, 'LT'),
        redis.unlink(body),
      ]);
    },

    async keep(requestId, timeToLiveMs) {
      const { record, log } = keyspace.request(requestId);
      await Promise.all([redis.pexpire(record, timeToLiveMs, 'GT'), redis.pexpire(log, timeToLiveMs, 'GT')]);
    },

    async forget(requestIds, keepsBodies = false) {
      const keysOfShard = new Map<number, string[]>();
      for (const requestId of requestIds) {
        const shard = shardOf(requestId);
        const { record, body, log } = keyspace.request(requestId);
        const keys = keysOfShard.get(shard) ?? [];
        keysOfShard.set(shard, keys);
        if (keepsBodies) keys.push(record, log);
        else keys.push(record, body, log);
      }
      await Promise.all([...keysOfShard.values()].map((keys) => redis.unlink(...keys)));
    },
  };
}

export function readAccepted(reply: unknown): AcceptResult {
  const [kind, other] = reply as [AcceptResult['kind'], string?];
  return kind === 'joined' ? { kind, requestId: other! } : { kind };
}
