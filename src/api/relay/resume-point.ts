// From where a client wants to resume reading.
import type { FastifyRequest } from 'fastify';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { type Frame, type FrameId, parseFrameId } from '../../contracts/frame.ts';

const EVENT_ID = /^\d{1,9}-\d{1,9}$/;

/** `Last-Event-ID`, as browsers send it; undefined means from the start. Throws a FailureError if it is invalid. */
export function readResumePoint(request: FastifyRequest): FrameId | undefined {
  const text = request.headers['last-event-id'];
  if (text === undefined || text === '') return undefined;
  if (typeof text === 'string' && EVENT_ID.test(text)) return text;
  const message = 'The header Last-Event-ID must be the id of an event of this stream, such as 1-17.';
  throw new FailureError(createFailure('request_invalid', message, { param: 'Last-Event-ID' }));
}

/**
 * A frame may contain several events, of which the client may already have some. Every event begins with its `id:` line, so the
 * rest begins at the line with the next number.
 */
export function cutToResumePoint(frame: Frame, after: FrameId): Buffer {
  const { attempt, sequence } = parseFrameId(after);
  if (parseFrameId(frame.id).attempt !== attempt) return frame.bytes;
  if (!frame.bytes.includes(`id: ${after}\n`)) return frame.bytes;
  const next = frame.bytes.indexOf(`id: ${attempt}-${sequence + 1}\n`);
  return next < 0 ? frame.bytes.subarray(frame.bytes.length) : frame.bytes.subarray(next);
}
