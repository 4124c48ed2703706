// Reads a request's log: repair of lost announcements, slow clients, resumed streams.
import type { Frame, FrameId, FrameKind } from '../contracts/frame.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface ReplyLog {
  /** At most `limit` frames after `after`, oldest first, fences left out; `scannedTo` is where to go on. */
  readAfter(requestId: string, after: FrameId, limit: number): Promise<{ frames: Frame[]; scannedTo: FrameId }>;
  /** Neither its record nor its log is there: it is forgotten, or Redis has lost it. */
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
