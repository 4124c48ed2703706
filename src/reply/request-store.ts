// The record of an accepted request in Redis: who holds it, at which step of its plan it is, whether it is done.
// Every change is one Lua script on the request's own slot, so two deliveries of one job can never both believe that
// they own it. The log of what the client receives lies beside it (publisher.ts, reply-log.ts).
//
// States of a request
//   queued     accepted, or given back by a worker; a job for `step` stands in a queue. Left by `claim`.
//   running    a worker holds it (`owner`). Left by its last frame (done), by `release` (queued), or, when the owner
//              has been silent for WORKER_SILENCE_MS, by another worker's `claim` (running, next attempt).
//   done       the last frame is in the log. Final.
// `cancelled` is a mark, not a state: a queued request is dropped at its claim, a running one is told to stop.
import { shardOf } from '../contracts/ids.ts';
import { CONTRACT_VERSION, type RequestSpec } from '../contracts/request-record.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript, runScriptForBuffers } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

/** Place in a request's log from which one attempt may write. */
export interface WriteGrant {
  attempt: number;
  /** Id of the last frame before: what a reader has seen last (fences are never announced). */
  previous: string;
  /** Sequence number of the fence; the attempt's frames come after it. */
  fenceSequence: number;
}

export type ClaimResult =
  | { kind: 'claimed'; grant: WriteGrant; spec: RequestSpec; body: Buffer; hasAnswered: boolean }
  /** Cancelled before anybody worked on it; the spec tells where to say so. */
  | { kind: 'cancelled'; spec: RequestSpec }
  /** Another worker that is alive holds it. */
  | { kind: 'owned'; owner: string }
  /** A fallback moved it to this step; its job may have been lost on the way. */
  | { kind: 'moved'; step: number }
  /** It has its outcome, or its time to live is over. */
  | { kind: 'done' }
  | { kind: 'gone' };

export type ContinueResult = { kind: 'claimed'; grant: WriteGrant } | { kind: 'cancelled' } | { kind: 'lost' };

export type CancelResult = { kind: 'done' } | { kind: 'running' } | { kind: 'queued'; step: number };

export interface RequestStore {
  accept(spec: RequestSpec, body: Buffer, timeToLiveMs: number): Promise<void>;
  claim(requestId: string, step: number, workerId: string, timeToLiveMs: number): Promise<ClaimResult>;
  /** The owner's next attempt at the same step. */
  continueClaim(requestId: string, step: number, workerId: string, timeToLiveMs: number): Promise<ContinueResult>;
  /** False when the request is no longer the worker's: it must stop at once. */
  release(requestId: string, workerId: string, from: number, to: number, isAttemptUnused: boolean): Promise<boolean>;
  cancel(requestId: string): Promise<CancelResult>;
  /** Says that this worker is alive, on the shards it has requests of. */
  heartbeat(workerId: string, shards: Iterable<number>): Promise<void>;
  /** The worker leaves: its requests may be claimed at once. */
  sayGoodbye(workerId: string, shards: Iterable<number>): Promise<void>;
  /** Removes record, body and log: the client has everything and nobody may ask again. */
  forget(requestIds: readonly string[]): Promise<void>;
}

/** A worker that has not been heard of for so long is taken for dead; it says so every second. */
export const WORKER_SILENCE_MS = 5_000;

const acceptScript = loadLuaScript(import.meta.url, './accept.lua');
const claimScript = loadLuaScript(import.meta.url, './claim.lua');
const releaseScript = loadLuaScript(import.meta.url, './release.lua');
const heartbeatScript = loadLuaScript(import.meta.url, './heartbeat.lua');
const cancelScript = loadLuaScript(import.meta.url, './cancel.lua');

export function createRequestStore(redis: RedisClient, keyspace: Keyspace): RequestStore {
  async function runClaim(requestId: string, step: number, workerId: string, timeToLiveMs: number, isNext: boolean) {
    const keys = keyspace.request(requestId);
    const args = [step, workerId, WORKER_SILENCE_MS, timeToLiveMs, isNext ? '1' : '0'];
    const scriptKeys = [keys.record, keys.body, keys.log, keyspace.workers(shardOf(requestId))];
    return (await runScriptForBuffers(redis, claimScript, scriptKeys, args)) as ClaimReply;
  }

  return {
    async accept(spec, body, timeToLiveMs) {
      const keys = keyspace.request(spec.requestId);
      await runScript(redis, acceptScript, [keys.record, keys.body], [JSON.stringify(spec), body, timeToLiveMs]);
    },

    async claim(requestId, step, workerId, timeToLiveMs) {
      return readClaim(await runClaim(requestId, step, workerId, timeToLiveMs, false));
    },

    async continueClaim(requestId, step, workerId, timeToLiveMs) {
      const reply = await runClaim(requestId, step, workerId, timeToLiveMs, true);
      const kind = reply[0].toString();
      if (kind === 'claimed') return { kind, grant: readGrant(reply) };
      return { kind: kind === 'cancelled' ? 'cancelled' : 'lost' };
    },

    async release(requestId, workerId, from, to, isAttemptUnused) {
      const { record } = keyspace.request(requestId);
      const reply = await runScript(redis, releaseScript, [record], [workerId, from, to, isAttemptUnused ? '1' : '0']);
      return reply === 1;
    },

    async cancel(requestId) {
      const { record } = keyspace.request(requestId);
      const channelPrefix = keyspace.controlChannel(shardOf(requestId), '');
      const [kind, detail] = (await runScript(redis, cancelScript, [record], [requestId, channelPrefix])) as [
        CancelResult['kind'],
        string?,
      ];
      return kind === 'queued' ? { kind, step: Number(detail) } : { kind };
    },

    async heartbeat(workerId, shards) {
      await Promise.all(
        [...shards].map((shard) => runScript(redis, heartbeatScript, [keyspace.workers(shard)], [workerId])),
      );
    },

    async sayGoodbye(workerId, shards) {
      await Promise.all([...shards].map((shard) => redis.hdel(keyspace.workers(shard), workerId)));
    },

    async forget(requestIds) {
      await Promise.all(
        requestIds.map((requestId) => {
          const { record, body, log } = keyspace.request(requestId);
          return redis.unlink(record, body, log);
        }),
      );
    },
  };
}

type ClaimReply = [Buffer, ...unknown[]];

function readGrant(reply: ClaimReply): WriteGrant {
  const [, attempt, previous, fence] = reply as [Buffer, number, Buffer, Buffer];
  return {
    attempt,
    previous: previous.toString(),
    fenceSequence: Number(fence.toString().split('-')[1]),
  };
}

function readClaim(reply: ClaimReply): ClaimResult {
  const kind = reply[0].toString() as ClaimResult['kind'];
  switch (kind) {
    case 'claimed': {
      const [, , , , answered, spec, body] = reply as [Buffer, number, Buffer, Buffer, Buffer, Buffer, Buffer];
      return { kind, grant: readGrant(reply), hasAnswered: answered.length > 0, spec: readSpec(spec), body };
    }
    case 'cancelled':
      return { kind, spec: readSpec(reply[1] as Buffer) };
    case 'owned':
      return { kind, owner: String(reply[1]) };
    case 'moved':
      return { kind, step: Number(String(reply[1])) };
    default:
      return { kind };
  }
}

function readSpec(json: Buffer): RequestSpec {
  const spec = JSON.parse(json.toString()) as RequestSpec;
  if (spec.version > CONTRACT_VERSION) {
    throw new Error(`request ${spec.requestId} was written by a newer Sluice (contract ${spec.version})`);
  }
  return spec;
}
