// The way of a ledger message from a worker to SQL: a Redis stream that keeps it until the writer has stored it.
import type { LedgerMessage } from '../contracts/ledger-entry.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface LedgerStream {
  /** JSON of a LedgerMessage. Attempts come with their permit's settlement instead (limits/settle.lua). */
  append(message: string): Promise<void>;
  /** Messages not stored yet. */
  length(): Promise<number>;
}

export interface ReceivedMessage {
  id: string;
  /** Null when it cannot be read: a newer Sluice wrote it, or a bug. */
  message: LedgerMessage | null;
  raw: string;
}

export interface LedgerReader {
  /** Messages that this reader has not acknowledged, its own unfinished ones first. Blocks up to `blockMs`. */
  read(limit: number, blockMs: number): Promise<ReceivedMessage[]>;
  /** What was read and not acknowledged is read again: it could not be stored. */
  rewind(): void;
  /** Stored in SQL: they leave the stream. */
  acknowledge(ids: readonly string[]): Promise<void>;
}

const GROUP = 'writers';
/** A message another writer took and did not store within this time is taken over: twice as long as a death takes to show. */
const CLAIM_AFTER_MS = 10_000;

const acknowledgeScript = loadLuaScript(import.meta.url, './acknowledge.lua');

export function createLedgerStream(redis: RedisClient, keyspace: Keyspace): LedgerStream {
  return {
    async append(message) {
      await redis.xadd(keyspace.ledgerStream, '*', 'e', message);
    },
    length: () => redis.xlen(keyspace.ledgerStream),
  };
}

type StreamEntry = [id: string, fields: string[]];

/** @param redis a connection of the reader's own: it blocks. */
export async function createLedgerReader(
  redis: RedisClient,
  keyspace: Keyspace,
  reader: string,
): Promise<LedgerReader> {
  const stream = keyspace.ledgerStream;
  const createGroup = () =>
    redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.includes('BUSYGROUP')) throw error;
    });
  await createGroup();
  let hasOwnBacklog = true;
  let claimedAtMs = 0;
  // A reply that was lost with the connection has left its messages in this reader's name.
  redis.on('ready', () => {
    hasOwnBacklog = true;
  });

  /** What this reader received and never acknowledged: after a crash of the process or an outage of SQL. */
  async function ownBacklog(limit: number): Promise<StreamEntry[]> {
    const reply = await redis.xreadgroup('GROUP', GROUP, reader, 'COUNT', limit, 'STREAMS', stream, '0');
    return entriesOf(reply);
  }

  async function abandonedByOthers(limit: number): Promise<StreamEntry[]> {
    claimedAtMs = Date.now();
    const reply = await redis.xautoclaim(stream, GROUP, reader, CLAIM_AFTER_MS, '0', 'COUNT', limit);
    return (reply as [string, StreamEntry[]])[1].filter((entry) => entry !== null);
  }

  async function readNext(limit: number, blockMs: number): Promise<StreamEntry[]> {
    if (hasOwnBacklog) {
      const backlog = await ownBacklog(limit);
      hasOwnBacklog = backlog.length > 0;
      if (hasOwnBacklog) return backlog;
    }
    if (Date.now() - claimedAtMs > CLAIM_AFTER_MS) {
      const abandoned = await abandonedByOthers(limit);
      if (abandoned.length > 0) return abandoned;
    }
    const reply = await redis.xreadgroup(
      'GROUP',
      GROUP,
      reader,
      'COUNT',
      limit,
      'BLOCK',
      blockMs,
      'STREAMS',
      stream,
      '>',
    );
    return entriesOf(reply);
  }

  return {
    async read(limit, blockMs) {
      try {
        return (await readNext(limit, blockMs)).map(receive);
      } catch (error) {
        // Redis has lost its data, and the group with it; what has been written since is in the stream.
        if (!(error as Error).message.startsWith('NOGROUP')) throw error;
        await createGroup();
        return [];
      }
    },
    rewind() {
      hasOwnBacklog = true;
    },
    async acknowledge(ids) {
      if (ids.length === 0) return;
      await runScript(redis, acknowledgeScript, [stream], [GROUP, ...ids]);
    },
  };
}

function entriesOf(reply: unknown): StreamEntry[] {
  const streams = reply as [string, StreamEntry[]][] | null;
  return streams?.[0]?.[1] ?? [];
}

function receive([id, fields]: StreamEntry): ReceivedMessage {
  const raw = fields[1] ?? '';
  try {
    return { id, message: JSON.parse(raw) as LedgerMessage, raw };
  } catch {
    return { id, message: null, raw };
  }
}
