// Reads a request's log: repair of lost announcements, slow clients, resumed streams.

import type { Failure } from '../contracts/failure.ts';
import { type Frame, type FrameId, type FrameKind, type HeadMeta, ORIGIN_FRAME } from '../contracts/frame.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface ReplyLog {
  /** At most `limit` frames after `after`, oldest first, without fences; `scannedTo` is where to continue. */
  readAfter(requestId: string, after: FrameId, limit: number): Promise<{ frames: Frame[]; scannedTo: FrameId }>;
  /** Whether record and log are both missing: the request is forgotten, or Redis lost it. */
  isGone(requestId: string): Promise<boolean>;
}

export function createReplyLog(redis: RedisClient, keyspace: Keyspace): ReplyLog {
  return {
    async readAfter(requestId, after, limit) {
      const { log } = keyspace.request(requestId);
      const entries = (await redis.xrangeBuffer(log, `(${after}`, '+', 'COUNT', limit)) as [Buffer, Buffer[]][];
      const frames: Frame[] = [];
      let scannedTo = after;
      for (const [idBytes, fields] of entries) {
        const id = idBytes.toString();
        const kind = fields[1]!.toString() as FrameKind;
        scannedTo = id;
        if (kind === 'fence') continue;
        const [meta, bytes, previous] = [fields[3]!.toString(), fields[5]!, fields[7]!.toString()];
        frames.push({ requestId, id, previous, kind, meta, bytes });
      }
      return { frames, scannedTo };
    },
    async isGone(requestId) {
      const { record, log } = keyspace.request(requestId);
      return (await redis.exists(record, log)) === 0;
    },
  };
}

// Assembles a request's answer from its log.

const PAGE_FRAMES = 64;

export interface RecordedAnswer {
  head: HeadMeta | null;
  /** What the client received, or would have received. */
  bytes: Buffer;
  /** Set if the request failed before anything was answered. */
  failure: Failure | null;
  isOver: boolean;
}

/** The answer so far; null if there is none. Throws a RangeError if it is larger than `maxBytes`. */
export async function readAnswer(log: ReplyLog, requestId: string, maxBytes: number): Promise<RecordedAnswer | null> {
  const answer: RecordedAnswer = { head: null, bytes: Buffer.alloc(0), failure: null, isOver: false };
  const pieces: Buffer[] = [];
  let size = 0;
  let isEmpty = true;
  let after = ORIGIN_FRAME;
  for (;;) {
    const { frames, scannedTo } = await log.readAfter(requestId, after, PAGE_FRAMES);
    if (scannedTo === after) break;
    after = scannedTo;
    for (const frame of frames) {
      isEmpty = false;
      if (frame.kind === 'head') answer.head = JSON.parse(frame.meta) as HeadMeta;
      if (frame.kind === 'fail') answer.failure = JSON.parse(frame.meta) as Failure;
      answer.isOver ||= frame.kind === 'end' || frame.kind === 'fail' || answer.head?.isWhole === true;
      pieces.push(frame.bytes);
      size += frame.bytes.length;
      if (size > maxBytes) throw new RangeError(`the response of ${requestId} is larger than ${maxBytes} bytes`);
    }
  }
  return isEmpty ? null : { ...answer, bytes: Buffer.concat(pieces) };
}
