// Symptom: of 100,000 requests on an overloaded machine, one was in no ledger, and its budget kept its reservation forever.
// Cause: the hand-over had timed out but was executed; when it was withdrawn, the request had called a provider and was waiting
// for its next call, and its record was removed. Fix: only a request without a call is removed; otherwise the worker that takes
// it ends it.
import { expect, test } from 'vitest';
import { type Dispatcher, dispatch } from '#src/api/admit/dispatch.ts';
import { NO_PROGRESS, type RequestSpec } from '#src/contracts/request-record.ts';
import { waitFor } from '#test/support/wait.ts';

const spec = { requestId: 'req_1', lifetime: 'client', acceptedAtMs: 0, deadlineAtMs: 1_000 } as RequestSpec;

/** Hands over without getting a reply; then the record has the given state. */
async function withdrawn(calls: number): Promise<string[]> {
  const asked: string[] = [];
  const dispatcher = {
    store: {
      cancel: async () => {
        asked.push('cancel');
        return { kind: 'queued', step: 0, progress: { ...NO_PROGRESS, calls } };
      },
      forget: async () => void asked.push('forget'),
    },
    handOver: { handOver: () => Promise.reject(new Error('Command timed out')) },
    admission: { enter: async () => null, leave: () => asked.push('leave') },
    bodies: { enter: async () => 'counted', leave: async () => undefined },
    redisWatch: { fullPercent: null },
  } as unknown as Dispatcher;
  await expect(dispatch(dispatcher, spec, Buffer.alloc(1))).rejects.toMatchObject({
    failure: { code: 'queue_unavailable' },
  });
  await waitFor('the cancellation', () => asked.includes('cancel'));
  await new Promise((resolve) => setImmediate(resolve));
  return asked;
}

test('a request without a provider call is cancelled and removed', async () => {
  expect(await withdrawn(0)).toEqual(['leave', 'cancel', 'forget']);
});

test('a request that has called a provider is only cancelled: it still has to be settled', async () => {
  expect(await withdrawn(1)).toEqual(['leave', 'cancel']);
});
