// One envelope on the reply channel. The same bytes are in the request's log (a Redis stream, ids `<attempt>-<seq>`) and are
// sent by pub/sub; the client receives `bytes` unchanged.

/**
 * - `fence`: a delivery took over the request; earlier writers are refused from here on. No bytes, never announced.
 * - `head`: status and headers, and possibly the first bytes. At most one per request.
 * - `data`: more bytes.
 * - `end`: the last bytes; `meta` is the outcome, `ok` or the code of the failure in the last event.
 * - `fail`: nothing was sent; `meta` holds the failure.
 */
export type FrameKind = 'fence' | 'head' | 'data' | 'end' | 'fail';

/** A stream id in the request's log, `<attempt>-<seq>`: also the SSE event id of the frame's last event. */
export type FrameId = string;

export interface Frame {
  requestId: string;
  id: FrameId;
  /** Id of the entry before it in the log: a reader that has not seen that one has a gap to repair. */
  previous: FrameId;
  kind: FrameKind;
  meta: string;
  bytes: Buffer;
}

/** Meta of a `head` frame. */
export interface HeadMeta {
  status: number;
  headers: Record<string, string>;
  /** The body is complete with this frame: no `end` follows. */
  isWhole: boolean;
}

export const ORIGIN_FRAME: FrameId = '0-0';

export function parseFrameId(id: FrameId): { attempt: number; sequence: number } {
  const dash = id.indexOf('-');
  return { attempt: Number(id.slice(0, dash)), sequence: Number(id.slice(dash + 1)) };
}

export function compareFrameIds(a: FrameId, b: FrameId): number {
  const left = parseFrameId(a);
  const right = parseFrameId(b);
  return left.attempt - right.attempt || left.sequence - right.sequence;
}

/**
 * Announcements: several frames of several requests in one message, as the publish script concatenates them
 * (src/reply/publish.lua). Each is a line `requestId id previous kind metaBytes dataBytes\n`, then meta, then data.
 */
export function decodeAnnouncement(message: Buffer): Frame[] {
  const frames: Frame[] = [];
  let offset = 0;
  while (offset < message.length) {
    const lineEnd = message.indexOf(10, offset);
    if (lineEnd < 0) throw new TypeError('announcement ends inside a header line');
    const [requestId, id, previous, kind, metaLength, dataLength] = message
      .toString('latin1', offset, lineEnd)
      .split(' ');
    const metaStart = lineEnd + 1;
    const dataStart = metaStart + Number(metaLength);
    offset = dataStart + Number(dataLength);
    if (!(offset <= message.length)) throw new TypeError('announcement is shorter than its header says');
    frames.push({
      requestId: requestId!,
      id: id!,
      previous: previous!,
      kind: kind as FrameKind,
      meta: message.toString('utf8', metaStart, dataStart),
      bytes: message.subarray(dataStart, offset),
    });
  }
  return frames;
}
