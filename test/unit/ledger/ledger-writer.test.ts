import { expect, test } from 'vitest';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import type { LedgerStore } from '#src/ledger/ledger-store.ts';
import type { LedgerReader, ReceivedMessage } from '#src/ledger/ledger-stream.ts';
import { startLedgerWriter } from '#src/ledger/ledger-writer.ts';

const received = (id: string): ReceivedMessage => ({
  id,
  message: { request: { requestId: id } } as LedgerMessage,
  raw: '',
});

test('a follow-up that failed is retried after a growing time, up to ten seconds', async () => {
  const waitsMs: number[] = [];
  const acknowledged: string[] = [];
  let reads = 0;
  let writer: ReturnType<typeof startLedgerWriter> | null = null;
  const reader: LedgerReader = {
    read: async () => {
      reads += 1;
      if (reads > 8) void writer!.stop();
      return [received(`done${reads}`), received('bad')];
    },
    rewind: (afterMs = 0) => void waitsMs.push(afterMs),
    acknowledge: async (ids) => void acknowledged.push(...ids),
    leave: async () => undefined,
  };
  await new Promise<void>((resolve) => {
    writer = startLedgerWriter({
      reader: { ...reader, leave: async () => resolve() },
      store: { batchMessages: 2, insert: async () => undefined } satisfies LedgerStore,
      setAside: async (_message, _part, error) => expect.unreachable(error.message),
      onError: (error) => expect.unreachable(error.message),
      onOutcomes: async (messages) => new Set(messages.filter(({ request }) => request!.requestId === 'bad')),
    });
  });
  expect(waitsMs.slice(0, 8)).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  expect(acknowledged).not.toContain('bad');
  expect(acknowledged).toContain('done1');
});
