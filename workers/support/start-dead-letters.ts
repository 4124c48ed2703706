// Keeps dead letters beside the ledger, and deletes the old ones.
import type { DeadLetterSettings } from '#src/config/dead-letter-schema.ts';
import type { LedgerMessage } from '#src/contracts/ledger-entry.ts';
import { createBodySeal } from '#src/dead-letters/dead-letter.ts';
import { createDeadLetterStore } from '#src/dead-letters/dead-letter-store.ts';
import type { SetAsideMessage } from '#src/ledger/ledger-writer.ts';
import { createLeftBodies } from '#src/reply/left-bodies.ts';
import type { Database } from '#src/storage/database.ts';
import type { Keyspace } from '#src/storage/keyspace.ts';
import type { RedisClient } from '#src/storage/redis.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { OperationsMetrics } from '#src/telemetry/metrics.ts';
import { keepDeadLetters } from './keep-dead-letters.ts';

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
    onError: (error: Error) => logger.warn({ err: error }, 'the body of a dead letter stays until it expires'),
  };
  return {
    keep: (messages, setAside) => keepDeadLetters(keeper, messages, setAside),
    stop() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
