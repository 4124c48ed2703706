// A single line among many that Redis has lost: found by samples.
import { expect, test } from 'vitest';
import type { BatchContext } from '#workers/batches/batch-context.ts';
import { LostLines, type RunningLine } from '#workers/batches/running-lines.ts';

const LINES = 160;
/** One in ten is sampled: that one of them is missed so often has a chance of one in 10^18. */
const LOOKS = 400;

test.each([0, 1, 7, 159])('line %i is found without checking all', async (lost) => {
  let reads = 0;
  const store = {
    read: async (requestId: string) => {
      reads += 1;
      return requestId === `req_${lost}` ? null : { state: 'running' };
    },
  };
  const producer = { enqueueAll: async () => undefined };
  const lines = Array.from({ length: LINES }, (_, index) => ({
    isAccepted: true,
    startedAtMs: Date.now() - 10_000,
    spec: { requestId: `req_${index}` },
  })) as unknown as RunningLine[];
  const search = new LostLines({ store, producer } as unknown as BatchContext);
  expect(await search.find(lines.filter((_, index) => index !== lost))).toEqual([]);
  expect(reads).toBeLessThan(LINES / 5);
  let found: RunningLine[] = [];
  for (let look = 0; look < LOOKS && found.length === 0; look++) found = await search.find(lines);
  expect(found).toEqual([lines[lost]]);
});
