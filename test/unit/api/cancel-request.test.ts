// Symptom: a request whose client left during a short outage of Redis was in no ledger, and its budget stayed reserved until
// its deadline. Cause: its record was removed at the same time as its ledger entry was closed, so a refused write could not be
// repeated. Fix: the ledger entry is closed first.
import { beforeEach, expect, test, vi } from 'vitest';
import { type Canceller, cancelRequest } from '#src/api/relay/cancel-request.ts';
import { NO_PROGRESS, type RequestSpec } from '#src/contracts/request-record.ts';
import type { CancelResult } from '#src/reply/request-store.ts';

const spec = {
  requestId: 'req_1',
  lane: 'interactive',
  inbox: 'api_1',
  lifetime: 'client',
  plan: { steps: [{ provider: 'a', deployment: 'a/b', upstreamModel: 'b' }] },
} as unknown as RequestSpec;

let done: string[];
let isQueued: boolean;
let refusals: number;
let canceller: Canceller;

beforeEach(() => {
  vi.useFakeTimers();
  done = [];
  isQueued = true;
  refusals = 0;
  canceller = {
    store: {
      cancel: async (): Promise<CancelResult> =>
        isQueued ? { kind: 'queued', step: 0, progress: NO_PROGRESS } : { kind: 'done' },
      forget: async () => {
        done.push('forgotten');
        isQueued = false;
      },
    } as unknown as Canceller['store'],
    producer: {
      remove: async () => true,
      advance: async () => {
        done.push('advanced');
        isQueued = false;
      },
    } as unknown as Canceller['producer'],
    books: {
      close: async () => {
        if (refusals-- > 0) throw new Error('Redis is away');
        done.push('books closed');
      },
    },
    onError: () => undefined,
  };
  return () => {
    vi.useRealTimers();
  };
});

const cancel = async (isAwaited: boolean) => {
  cancelRequest(canceller, spec, { isAwaited });
  await vi.advanceTimersByTimeAsync(10_000);
  return done;
};

test('a cancellation without a waiting client is recorded, then deleted', async () => {
  expect(await cancel(false)).toEqual(['books closed', 'forgotten']);
});

test('it is recorded in the end if Redis refuses at first', async () => {
  refusals = 2;
  expect(await cancel(false)).toEqual(['books closed', 'forgotten']);
});

test('a request that can be fetched later stays in the queue until a worker ends it', async () => {
  expect(await cancel(true)).toEqual(['advanced']);
});
