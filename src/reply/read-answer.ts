// A finished request's answer, put together from its log.
import type { Failure } from '../contracts/failure.ts';
import { type HeadMeta, ORIGIN_FRAME } from '../contracts/frame.ts';
import type { ReplyLog } from './reply-log.ts';

const PAGE_FRAMES = 64;

export interface RecordedAnswer {
  head: HeadMeta | null;
  /** What the client received, or would have. */
  bytes: Buffer;
  /** Nothing was answered. */
  failure: Failure | null;
  isOver: boolean;
}

/** What is there so far; null when nothing is. Throws a RangeError where it is larger than `maxBytes`. */
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
      if (size > maxBytes) throw new RangeError(`the answer of ${requestId} is larger than ${maxBytes} bytes`);
    }
  }
  return isEmpty ? null : { ...answer, bytes: Buffer.concat(pieces) };
}
