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
  /** Null when it cannot be read. */
  message: LedgerMessage | null;
  raw: string;
}

export interface LedgerReader {
  /** Messages that this reader has not acknowledged, its own unfinished ones first. Blocks up to `blockMs`. */
  read(limit: number, blockMs: number): Promise<ReceivedMessage[]>;
  /** What was read and not acknowledged is read again, after this time: it could not be stored. New ones go on coming. */
  rewind(afterMs?: number): void;
  /** Stored in SQL: they leave the stream. */
  acknowledge(ids: readonly string[]): Promise<void>;
  /** Reads no more. What it has not acknowledged is taken over by others. */
  leave(): Promise<void>;
}

const GROUP = 'writers';
/** A message another writer took and did not store within this time is taken over: twice as long as a death takes to show. */
const CLAIM_AFTER_MS = 10_000;

/** A reader asks every few seconds. */
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

/** Without fields: it was deleted from the stream, and stands in the list of what is unfinished still. */
type StreamEntry = [id: string, fields: string[] | null];

/**
 * @param redis a connection of the reader's own: it blocks.
 * @param silentMs a reader that has not asked for so long is forgotten, unless it left messages to take over.
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
  /** When this reader's own unfinished messages are read; Infinity: there are none. */
  let backlogAtMs = 0;
  let claimedAtMs = 0;
  // A reply that was lost with the connection has left its messages in this reader's name.
  redis.on('ready', () => {
    backlogAtMs = 0;
  });

  /** What this reader received and never acknowledged: after a crash of the process or an outage of SQL. */
  async function ownBacklog(limit: number): Promise<StreamEntry[]> {
    for (;;) {
      const reply = await redis.xreadgroup('GROUP', GROUP, reader, 'COUNT', limit, 'STREAMS', stream, '0');
      const entries = entriesOf(reply);
      const deleted = entries.filter(([, fields]) => fields === null).map(([id]) => id);
      if (deleted.length === 0) return entries;
      // An operator has taken them out. Unless they are acknowledged they come again with every look.
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
        // Redis has lost its data, and the group with it; what has been written since is in the stream.
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

/** Null for what is none: a bug, or a newer Sluice wrote it. */
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
