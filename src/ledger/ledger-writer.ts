// Carries ledger messages from the Redis stream into SQL. A message leaves the stream only after its transaction has
// been committed: SQL may be away for as long as Redis has memory, and no entry is lost or written twice.

import type { LedgerMessage } from '../contracts/ledger-entry.ts';
import type { LedgerStore } from './ledger-store.ts';
import type { LedgerReader, ReceivedMessage } from './ledger-stream.ts';

/** A transaction of this size takes SQLite a few milliseconds, during which its process does nothing else. */
const BATCH_MESSAGES = 256;
/** While messages trickle in they are gathered for so long: a transaction costs far more than a row. */
const GATHER_MS = 100;
const BLOCK_MS = 1_000;
/** While SQL is away. */
const RETRY_FIRST_MS = 250;
const RETRY_LONGEST_MS = 10_000;

const NONE: ReadonlySet<LedgerMessage> = new Set();

export interface LedgerWriter {
  /** Stops after the batch at hand. */
  stop(): Promise<void>;
}

export interface LedgerWriterOptions {
  reader: LedgerReader;
  store: LedgerStore;
  onError: (error: Error, waitMs: number) => void;
  /** A message that cannot be read: it is taken out of the way and must be kept by the log. */
  onUnreadable: (raw: string) => void;
  onWritten?: (messages: number) => void;
  /**
   * What else follows from an outcome: called after the books have these messages and before they leave the stream. Those
   * that it gives back come again, after a growing time; when it rejects, all of them do. So every part of it must be safe
   * to repeat, and must give up in the end.
   */
  onOutcomes?: (messages: readonly LedgerMessage[]) => Promise<ReadonlySet<LedgerMessage>>;
}

export function startLedgerWriter(options: LedgerWriterOptions): LedgerWriter {
  const { reader, store, onError, onUnreadable, onWritten, onOutcomes } = options;
  /** How often a message that is still to be followed has come, by its id. */
  const tries = new Map<string, number>();
  let isStopping = false;
  let wake: () => void = () => undefined;

  /** Gives how many messages there were. */
  async function writeBatch(): Promise<number> {
    const received = await reader.read(BATCH_MESSAGES, BLOCK_MS);
    if (received.length === 0) return 0;
    for (const { message, raw } of received) if (message === null) onUnreadable(raw);
    const messages = received.flatMap(({ message }) => (message === null ? [] : [message]));
    await store.insert(messages);
    const unfinished = (await onOutcomes?.(messages)) ?? NONE;
    const isDone = ({ message }: ReceivedMessage) => message === null || !unfinished.has(message);
    const done = received.filter(isDone);
    await reader.acknowledge(done.map(({ id }) => id));
    onWritten?.(done.length);
    keepForLater(received, isDone);
    return received.length;
  }

  function keepForLater(received: readonly ReceivedMessage[], isDone: (message: ReceivedMessage) => boolean): void {
    for (const message of received) {
      if (isDone(message)) tries.delete(message.id);
      else tries.set(message.id, (tries.get(message.id) ?? 0) + 1);
    }
    if (received.every(isDone)) return;
    reader.rewind(Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** (Math.min(...tries.values()) - 1)));
  }

  function pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, durationMs);
    });
  }

  async function run(): Promise<void> {
    let waitMs = RETRY_FIRST_MS;
    while (!isStopping) {
      try {
        const written = await writeBatch();
        waitMs = RETRY_FIRST_MS;
        if (written > 0 && written < BATCH_MESSAGES && !isStopping) await pause(GATHER_MS);
      } catch (error) {
        tries.clear();
        reader.rewind();
        onError(error as Error, waitMs);
        await pause(waitMs);
        waitMs = Math.min(waitMs * 2, RETRY_LONGEST_MS);
      }
    }
  }

  const running = run();
  return {
    async stop() {
      isStopping = true;
      wake();
      await running;
      await reader.leave().catch((error: Error) => onError(error, 0));
    },
  };
}
