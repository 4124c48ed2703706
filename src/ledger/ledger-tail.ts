// Follows the ledger stream without taking messages from the writers: every message appended from now on. A message that is
// stored and deleted before it is seen is missed, which is good enough for graphs but not for sums.
import type { LedgerMessage } from '../contracts/ledger-entry.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { disconnectRedis, type RedisClient } from '../storage/redis.ts';
import { readMessage } from './ledger-stream.ts';

export interface LedgerTail {
  /** Call it once. */
  follow(onMessage: (message: LedgerMessage) => void): void;
  close(): Promise<void>;
}

const BLOCK_MS = 2_000;
const READ_AT_ONCE = 1_000;
const RETRY_MS = 1_000;

/** @param connection a dedicated one, since reads block; `close` closes it. */
export function createLedgerTail(
  connection: RedisClient,
  keyspace: Keyspace,
  onError: (error: Error) => void,
): LedgerTail {
  let isClosed = false;
  /** Id of the last entry read; null before the first read. `$` would skip entries added between two reads. */
  let after: string | null = null;

  async function readOn(onMessage: (message: LedgerMessage) => void): Promise<void> {
    const stream = keyspace.ledgerStream;
    // Ids are timestamps by Redis' clock.
    after ??= `${(await connection.time())[0]}000-0`;
    const reply = await connection.xread('COUNT', READ_AT_ONCE, 'BLOCK', BLOCK_MS, 'STREAMS', stream, after);
    for (const [id, fields] of reply?.[0]?.[1] ?? []) {
      after = id;
      const message = readMessage(fields[1] ?? '');
      if (message !== null) onMessage(message);
    }
  }

  return {
    follow(onMessage) {
      const loop = async () => {
        while (!isClosed) {
          try {
            await readOn(onMessage);
          } catch (error) {
            if (isClosed) return;
            onError(error as Error);
            await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
          }
        }
      };
      void loop();
    },
    async close() {
      isClosed = true;
      disconnectRedis(connection);
    },
  };
}
