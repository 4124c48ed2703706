// Writes ledger messages from the Redis stream to SQL. A message leaves the stream only after its transaction is committed:
// SQL may be down for as long as Redis has memory, and no entry is lost or written twice. A message that SQL refuses is set
// aside without blocking the others.
import type { LedgerMessage } from '../contracts/ledger-entry.ts';
import { writeAround } from '../storage/refused-rows.ts';
import type { LedgerStore } from './ledger-store.ts';
import type { LedgerReader, ReceivedMessage } from './ledger-stream.ts';
import type { RejectedPart } from './reject-store.ts';

/** At low rates messages are collected for this long, because a transaction costs far more than a row. */
const GATHER_MS = 100;
const BLOCK_MS = 1_000;
/** Backoff while SQL is down. */
const RETRY_FIRST_MS = 250;
const RETRY_LONGEST_MS = 10_000;

const NONE: ReadonlySet<LedgerMessage> = new Set();

export interface LedgerWriter {
  /** Stops after the current batch. */
  stop(): Promise<void>;
}

/** Stores a refused message with the reason, for an operator. Rejects while SQL is down. */
export type SetAside = (message: ReceivedMessage, part: RejectedPart, error: Error) => Promise<void>;

export interface LedgerWriterOptions {
  reader: LedgerReader;
  store: LedgerStore;
  setAside: SetAside;
  /** Called on every failed try. `reading`: from Redis; `writing`: to SQL. */
  onError: (error: Error, stage: 'reading' | 'writing') => void;
  onWritten?: (messages: number) => void;
  /**
   * Further effects of outcomes: called after these messages are stored and before they leave the stream. Messages that it
   * returns are redelivered with growing backoff; if it rejects, all are. So every effect must be idempotent and must
   * eventually finish. Includes messages that SQL refused: their clients were answered nevertheless.
   */
  onOutcomes?: (messages: readonly LedgerMessage[], setAside: SetAsideMessage) => Promise<ReadonlySet<LedgerMessage>>;
}

/** Sets a message aside on behalf of an effect of outcomes. */
export type SetAsideMessage = (message: LedgerMessage, part: RejectedPart, error: Error) => Promise<void>;

type ReadableMessage = ReceivedMessage & { message: LedgerMessage };

const isReadable = (received: ReceivedMessage): received is ReadableMessage => received.message !== null;

export function startLedgerWriter(options: LedgerWriterOptions): LedgerWriter {
  const { reader, store, setAside, onError, onWritten, onOutcomes } = options;
  /** Message id → number of tries, for messages with unfinished effects. */
  const tries = new Map<string, number>();
  let stage: 'reading' | 'writing' = 'reading';
  let isStopping = false;
  let wake: () => void = () => undefined;

  /** Returns the number of messages. */
  async function writeBatch(): Promise<number> {
    stage = 'reading';
    const received = await reader.read(store.batchMessages, BLOCK_MS);
    if (received.length === 0) return 0;
    stage = 'writing';
    const readable = received.filter(isReadable);
    await insert(readable);
    for (const unreadable of received) {
      if (!isReadable(unreadable)) await setAside(unreadable, 'ledger', new Error('not a ledger message'));
    }
    const unfinished = await followOutcomes(readable);
    const isDone = ({ message }: ReceivedMessage) => message === null || !unfinished.has(message);
    const done = received.filter(isDone);
    stage = 'reading';
    await reader.acknowledge(done.map(({ id }) => id));
    onWritten?.(done.length);
    keepForLater(received, isDone);
    return received.length;
  }

  async function insert(readable: readonly ReadableMessage[]): Promise<void> {
    const refusals = await writeAround(readable, (rows) => store.insert(rows.map(({ message }) => message)));
    for (const { row, error } of refusals) await setAside(row, 'ledger', error);
  }

  async function followOutcomes(readable: readonly ReadableMessage[]): Promise<ReadonlySet<LedgerMessage>> {
    const received = new Map(readable.map((entry) => [entry.message, entry]));
    const setMessageAside: SetAsideMessage = (message, part, error) => setAside(received.get(message)!, part, error);
    return (await onOutcomes?.([...received.keys()], setMessageAside)) ?? NONE;
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
        if (written > 0 && written < store.batchMessages && !isStopping) await pause(GATHER_MS);
      } catch (error) {
        tries.clear();
        reader.rewind();
        onError(error as Error, stage);
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
      await reader.leave().catch((error: Error) => onError(error, 'reading'));
    },
  };
}
