// Symptom: a worker that had lost requests kept an announcer for every API instance that had ever existed. Cause: a writer
// that neither ended nor was abandoned never returned its place. Fix: every delivery abandons its writer when it is over,
// which has no effect after an end.
import { beforeEach, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import type { Announcer, FrameSource, OutgoingFrame } from '#src/reply/announcer.ts';
import { AttemptWriter } from '#src/reply/publisher.ts';

let frames: OutgoingFrame[];
let dirty: Set<FrameSource>;
let closed: number;
let writer: AttemptWriter;

beforeEach(() => {
  [frames, dirty, closed] = [[], new Set(), 0];
  const announcer: Announcer = {
    markDirty: (source) => void dirty.add(source),
    markClean: (source) => void dirty.delete(source),
    withdraw: () => null,
    add: (frame) => void frames.push(frame),
  };
  writer = new AttemptWriter(
    {
      spec: { requestId: 'req_1', inbox: 'api_1' },
      grant: { attempt: 1, previous: '0-0', fenceSequence: 0 },
      hasAnswered: false,
      retentionMs: 1_000,
      onRefused: () => undefined,
    },
    announcer,
    {
      onClosed: () => {
        closed += 1;
      },
      needsBody: () => false,
      deliver: null,
    },
  );
});

test('frames gathered at the end of a delivery are discarded', async () => {
  writer.event(Buffer.alloc(1_000_000));
  expect(writer.isReady).toBe(false);
  const settled = writer.settled();
  writer.abandon();
  await settled;
  expect({ isReady: writer.isReady, dirty: dirty.size, frames: frames.length }).toEqual({
    isReady: true,
    dirty: 0,
    frames: 0,
  });
});

test('its place is returned once', () => {
  writer.abandon();
  writer.abandon();
  expect(closed).toBe(1);
});

test('an end that is being sent is not withdrawn', async () => {
  writer.fail(createFailure('internal', 'Oh.'));
  writer.abandon();
  expect(closed).toBe(1);
  expect(frames.map(({ kind }) => kind)).toEqual(['fail']);
  const settled = writer.settled();
  for (const frame of frames) frame.onSettled(null);
  await settled;
});
