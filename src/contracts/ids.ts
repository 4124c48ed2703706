// Identifiers that cross processes. A request id names its reply shard, so that every process finds the
// request's keys (and, on a Redis Cluster, their slot) from the id alone.
import { randomFillSync } from 'node:crypto';

/** Crockford's base 32 in lower case: no i, l, o, u; sorts like the number it encodes. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** Highest number of reply shards: one base-32 digit of a request id names the shard. */
export const MAX_REPLY_SHARDS = 32;

/** Digits of the time in milliseconds, which follow `req_` and the shard in a request id. */
export const TIME_DIGITS = 10;
const RANDOM_DIGITS = 14;
/** Digits of every id that `createSortableId` makes. */
export const ID_DIGITS = TIME_DIGITS + RANDOM_DIGITS;
const REQUEST_ID = /^req_[0-9a-hjkmnp-tv-z]{25}$/;
const SHARD_PLACE = 'req_'.length;

/** One read of the kernel's random source serves a few hundred ids: reading it per id costs 2 µs each. */
const pool = Buffer.alloc(RANDOM_DIGITS * 256);
let poolOffset = pool.length;

function randomDigits(): string {
  if (poolOffset >= pool.length) {
    randomFillSync(pool);
    poolOffset = 0;
  }
  let digits = '';
  for (let i = 0; i < RANDOM_DIGITS; i++) digits += ALPHABET[pool[poolOffset++]! & 31];
  return digits;
}

/** The lowest `count` base-32 digits of a whole number, highest first. */
export function toDigits(value: number, count: number): string {
  let digits = '';
  let rest = value;
  for (let i = 0; i < count; i++) {
    digits = ALPHABET[rest % 32]! + digits;
    rest = Math.floor(rest / 32);
  }
  return digits;
}

/** The digit of a request id that names its shard. */
export function replyShardDigit(shard: number): string {
  return ALPHABET[shard]!;
}

/** 24 digits: time in milliseconds, then 70 random bits. Sorts by time; safe in URLs, file names and BullMQ job ids. */
export function createSortableId(nowMs: number = Date.now()): string {
  return toDigits(nowMs, TIME_DIGITS) + randomDigits();
}

/** Sorts before every sortable id of this millisecond and after all earlier ones. */
export function sortableTime(ms: number): string {
  return toDigits(ms, TIME_DIGITS);
}

/** @param replyShards how many shards new requests spread over, 1 to 32; ids made with another number stay valid. */
export function createRequestId(replyShards: number, nowMs: number = Date.now()): string {
  const id = createSortableId(nowMs);
  const shard = replyShards === 1 ? 0 : ALPHABET.indexOf(id.at(-1)!) % replyShards;
  return `req_${ALPHABET[shard]}${id}`;
}

/** In a given shard, for a request that must be written together with existing keys of that shard. */
export function createRequestIdIn(shard: number, nowMs: number = Date.now()): string {
  return `req_${ALPHABET[shard]}${createSortableId(nowMs)}`;
}

export function isRequestId(text: string): boolean {
  return REQUEST_ID.test(text);
}

/** The reply shard of a request id; throws on a text that `isRequestId` refuses. */
export function shardOf(requestId: string): number {
  if (!REQUEST_ID.test(requestId)) throw new TypeError(`not a request id: ${requestId}`);
  return ALPHABET.indexOf(requestId[SHARD_PLACE]!);
}

/** Names one running process (an API instance, a worker) in locks, channels and logs. New at every start. */
export function createInstanceId(kind: 'api' | 'worker' | 'combined' | 'batches'): string {
  return `${kind}_${randomDigits()}`;
}

/** One attempt of one request: the key of a permit and of a ledger entry. */
export function attemptId(requestId: string, attempt: number): string {
  return `${requestId}.${attempt}`;
}
