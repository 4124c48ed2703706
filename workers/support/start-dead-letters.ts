// Stores dead letters along with the ledger, and deletes old ones.
import type { DeadLetterSettings } from '#src/config/server-schema.ts';
import type { LedgerMessage, RequestOutcome } from '#src/contracts/ledger-entry.ts';
import { type BodySeal, createBodySeal, type DeadLetter, deadLetterOf } from '#src/dead-letters/dead-letter.ts';
import { createDeadLetterStore, type DeadLetterStore } from '#src/dead-letters/dead-letter-store.ts';
import type { SetAsideMessage } from '#src/ledger/ledger-writer.ts';
import { createLeftBodies, type LeftBodies } from '#src/reply/body-quota.ts';
import type { Database } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import { writeAround } from '#src/storage/refused-rows.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { OperationsMetrics } from '#src/telemetry/metrics.ts';

export interface DeadLettersOptions {
  redis: RedisClient;
  keyspace: Keyspace;
  database: Database;
  settings: DeadLetterSettings;
  metrics: OperationsMetrics;
  logger: Logger;
}

export interface DeadLetters {
  keep(messages: readonly LedgerMessage[], setAside: SetAsideMessage): Promise<void>;
  stop(): void;
}

const DAY_MS = 24 * 3_600_000;
const SWEEP_MS = 3_600_000;
const FIRST_SWEEP_MS = 60_000;

export function startDeadLetters({
  redis,
  keyspace,
  database,
  settings,
  metrics,
  logger,
}: DeadLettersOptions): DeadLetters {
  const store = createDeadLetterStore(database);
  const sweep = () =>
    void store.deleteOlderThan(Date.now() - settings.keep_days * DAY_MS).then(
      (deleted) => deleted > 0 && logger.info({ requests: deleted }, 'old dead letters deleted'),
      (error: Error) => logger.warn({ err: error }, 'old dead letters could not be deleted'),
    );
  const timers = [setTimeout(sweep, FIRST_SWEEP_MS), setInterval(sweep, SWEEP_MS)];
  const keeper = {
    store,
    seal: createBodySeal(settings),
    bodies: createLeftBodies(redis, keyspace),
    onKept: metrics.deadLetter,
    onError: (error: Error) =>
      logger.warn({ err: error }, 'the body of a dead letter could not be deleted; it stays until it expires'),
  };
  return {
    keep: (messages, setAside) => keepDeadLetters(keeper, messages, setAside),
    stop() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

// Stores the dead letters among the ledger's messages, with their bodies as configured. Called before a message leaves the
// stream, so a crash at any point repeats it: a letter is still written only once, and its body is removed from Redis only
// after that.

export interface DeadLetterKeeper {
  store: DeadLetterStore;
  seal: BodySeal;
  bodies: LeftBodies;
  onKept: (code: string) => void;
  onError: (error: Error) => void;
}

interface Letter {
  message: LedgerMessage;
  letter: Omit<DeadLetter, 'body'>;
}

/** Limits of one statement: total size of the bodies in memory, and number of letters. */
const GROUP_BYTES = 16 * 1024 * 1024;
const GROUP_LETTERS = 64;
/** Delay of the second try: a request's outcome may reach the books before its last frame is in Redis. */
const RELEASE_AGAIN_MS = 1_000;

/** Rejects while SQL or Redis is unavailable. */
export async function keepDeadLetters(
  keeper: DeadLetterKeeper,
  messages: readonly LedgerMessage[],
  setAside: SetAsideMessage,
): Promise<void> {
  const letters: Letter[] = [];
  for (const message of messages) {
    if (message.deadLetter === undefined) continue;
    try {
      letters.push({ message, letter: deadLetterOf(message.deadLetter, message.request as RequestOutcome) });
    } catch (error) {
      await setAside(message, 'dead_letter', error as Error);
    }
  }
  if (letters.length === 0) return;
  const sizes = keeper.seal.keepsBodies
    ? await keeper.bodies.sizes(letters.map(({ letter }) => letter.spec.requestId))
    : letters.map(() => 0);
  for (const group of groupsOf(letters, sizes)) await keepGroup(keeper, group, setAside);
}

function groupsOf(letters: readonly Letter[], sizes: readonly number[]): Letter[][] {
  const groups: Letter[][] = [];
  let bytes = 0;
  for (const [index, letter] of letters.entries()) {
    const group = groups.at(-1);
    const isFull = group === undefined || group.length >= GROUP_LETTERS || bytes + sizes[index]! > GROUP_BYTES;
    if (isFull) bytes = 0;
    bytes += sizes[index]!;
    if (isFull) groups.push([letter]);
    else group.push(letter);
  }
  return groups;
}

async function keepGroup(
  { store, seal, bodies, onKept, onError }: DeadLetterKeeper,
  group: Letter[],
  setAside: SetAsideMessage,
): Promise<void> {
  const rows = await Promise.all(
    group.map(async ({ message, letter }) => {
      const { requestId } = letter.spec;
      const body = seal.keepsBodies ? await bodies.read(requestId) : null;
      return { message, letter, body: seal.close(body, requestId) };
    }),
  );
  const refusals = await writeAround(rows, store.insert);
  for (const { row, error } of refusals) await setAside(row.message, 'dead_letter', error);
  const refused = new Set(refusals.map(({ row }) => row));
  for (const row of rows) {
    // Its body stays until it expires in Redis: the letter may still be written.
    if (refused.has(row)) continue;
    const { spec, failure } = row.letter;
    onKept(failure.code);
    // The body of a stored response is needed, and removed, by the writer of the response.
    if (spec.response === undefined) void releaseBody(bodies, spec.requestId).catch(onError);
  }
}

/** A body that a crash leaves behind expires with the record. */
async function releaseBody(bodies: LeftBodies, requestId: string): Promise<void> {
  if (await bodies.release(requestId)) return;
  await new Promise((resolve) => setTimeout(resolve, RELEASE_AGAIN_MS).unref());
  await bodies.release(requestId);
}
