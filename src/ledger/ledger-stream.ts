// The Redis stream that carries ledger messages from workers to SQL. A message stays in it until it is stored.
import type { LedgerMessage } from '../contracts/ledger-entry.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import { loadLuaScript, runScript } from '../storage/lua-script.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface LedgerStream {
  /** Appends a LedgerMessage as JSON. Attempts are appended by limits/settle.lua, when their permit is settled. */
  append(message: string): Promise<void>;
  /** Number of messages that are not stored yet. */
  length(): Promise<number>;
}

export interface ReceivedMessage {
  id: string;
  /** Null if it cannot be read. */
  message: LedgerMessage | null;
  raw: string;
}

export interface LedgerReader {
  /** Unacknowledged messages, first those delivered to this reader earlier. Blocks up to `blockMs`. */
  read(limit: number, blockMs: number): Promise<ReceivedMessage[]>;
  /** Rereads unacknowledged messages after this time. New messages are still read meanwhile. */
  rewind(afterMs?: number): void;
  /** Removes messages from the stream, once they are stored. */
  acknowledge(ids: readonly string[]): Promise<void>;
  /** Ends reading. Other readers take over its unacknowledged messages. */
  leave(): Promise<void>;
}

const GROUP = 'writers';
/** Messages that another writer has not stored within this time are taken over: twice the time to detect a dead worker. */
const CLAIM_AFTER_MS = 10_000;

/** Readers read every few seconds; a reader that has not read for this long is gone. */
const SILENT_MS = 600_000;

const acknowledgeScript = loadLuaScript(import.meta.url, './acknowledge.lua');
const forgetReadersScript = loadLuaScript(import.meta.url, './forget-readers.lua');

export function createLedgerStream(redis: RedisClient, keyspace: Keyspace): LedgerStream {
  return {
    async append(message) {
      await redis.xadd(keyspace.ledgerStream, '*', 'e', message);
    },
    length: () => redis.xlen(keyspace.ledgerStream),
  };
}

/** Fields are null if the entry was deleted from the stream but is still in the list of pending entries. */
type StreamEntry = [id: string, fields: string[] | null];

/**
 * @param redis a dedicated connection, since reads block.
 * @param silentMs readers that have not read for this long are removed, unless they left messages to take over.
 */
export async function createLedgerReader(
  redis: RedisClient,
  keyspace: Keyspace,
  reader: string,
  silentMs: number = SILENT_MS,
): Promise<LedgerReader> {
  const stream = keyspace.ledgerStream;
  const createGroup = () =>
    redis.xgroup('CREATE', stream, GROUP, '0', 'MKSTREAM').catch((error: Error) => {
      if (!error.message.includes('BUSYGROUP')) throw error;
    });
  await createGroup();
  /** When to read this reader's own pending messages, unix ms; Infinity if there are none. */
  let backlogAtMs = 0;
  let claimedAtMs = 0;
  // If a reply was lost with the connection, its messages are pending for this reader.
  redis.on('ready', () => {
    backlogAtMs = 0;
  });

  /** Messages that this reader received and did not acknowledge, because of a crash or an outage of SQL. */
  async function ownBacklog(limit: number): Promise<StreamEntry[]> {
    for (;;) {
      const reply = await redis.xreadgroup('GROUP', GROUP, reader, 'COUNT', limit, 'STREAMS', stream, '0');
      const entries = entriesOf(reply);
      const deleted = entries.filter(([, fields]) => fields === null).map(([id]) => id);
      if (deleted.length === 0) return entries;
      // Deleted by an operator. They stay in the pending list until they are acknowledged.
      await redis.xack(stream, GROUP, ...deleted);
      if (deleted.length < entries.length) return entries.filter(([, fields]) => fields !== null);
    }
  }

  async function forgetReaders(leaving: string): Promise<void> {
    await runScript(redis, forgetReadersScript, [stream], [GROUP, leaving, silentMs]);
  }

  async function abandonedByOthers(limit: number): Promise<StreamEntry[]> {
    claimedAtMs = Date.now();
    const reply = await redis.xautoclaim(stream, GROUP, reader, CLAIM_AFTER_MS, '0', 'COUNT', limit);
    await forgetReaders('');
    return (reply as [string, StreamEntry[]])[1].filter((entry) => entry?.[1] != null);
  }

  async function readNext(limit: number, blockMs: number): Promise<StreamEntry[]> {
    if (Date.now() >= backlogAtMs) {
      const backlog = await ownBacklog(limit);
      if (backlog.length > 0) return backlog;
      backlogAtMs = Number.POSITIVE_INFINITY;
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
      Math.max(1, Math.min(blockMs, backlogAtMs - Date.now())),
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
        // Redis lost its data, and the group with it; later messages are in the stream.
        if (!(error as Error).message.startsWith('NOGROUP')) throw error;
        await createGroup();
        return [];
      }
    },
    rewind(afterMs = 0) {
      backlogAtMs = Date.now() + afterMs;
    },
    async acknowledge(ids) {
      if (ids.length === 0) return;
      await runScript(redis, acknowledgeScript, [stream], [GROUP, ...ids]);
    },
    leave: () => forgetReaders(reader),
  };
}

function entriesOf(reply: unknown): StreamEntry[] {
  const streams = reply as [string, StreamEntry[]][] | null;
  return streams?.[0]?.[1] ?? [];
}

function receive([id, fields]: StreamEntry): ReceivedMessage {
  const raw = fields?.[1] ?? '';
  return { id, message: readMessage(raw), raw };
}

/** Null if it is not a ledger message: because of a bug, or because a newer Sluice wrote it. */
export function readMessage(raw: string): LedgerMessage | null {
  try {
    const message = JSON.parse(raw) as LedgerMessage;
    return [message, message.attempt ?? {}, message.request ?? {}, message.deadLetter ?? {}].every(isObject)
      ? message
      : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
