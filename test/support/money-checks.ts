// What tests of alerts work on: a Redis and a database, empty for each test, and the check that raises alerts.
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { type ConfigurationInput, configurationSchema } from '#src/config/schema.ts';
import { type Database, openDatabase } from '#src/storage/database.ts';
import { createKeyspace } from '#src/storage/keyspace.ts';
import { createAlertStore } from '#src/webhooks/alert-store.ts';
import { createMoneyCheck } from '#workers/support/watch-money.ts';
import { startTestRedis, type TestRedis } from './redis-server.ts';

export const keyspace = createKeyspace('alerts');

const TABLES = ['alerts', 'events_outbox', 'api_keys', 'accounts', 'credit_entries', 'ledger_entries'] as const;

export interface MoneyParts {
  database: Database;
  redis: TestRedis;
  /** What a check or a watch of a new process works on: nothing is remembered except in SQL and Redis. */
  optionsOf(configuration: ConfigurationInput): Parameters<typeof createMoneyCheck>[0];
  /** One check, by a new process. */
  check(configuration: ConfigurationInput): Promise<void>;
  /** The alerts, newest first. */
  alerts(): Promise<Record<string, unknown>[]>;
}

/** @param begin receives the parts, before the hooks of the suite. */
export function useMoneyChecks(url: string, begin: (parts: MoneyParts) => void): void {
  let redis: TestRedis;
  let database: Database;
  beforeAll(async () => {
    [redis, database] = await Promise.all([startTestRedis(), openDatabase(url, () => undefined)]);
    const optionsOf: MoneyParts['optionsOf'] = (input) => {
      const configuration = configurationSchema.parse(input);
      const runtime = { configuration, catalogue: createCatalogue(configuration) } as never;
      const logger = pino({ level: 'silent' });
      return { runtime, redis: redis.client, keyspace, database, reports: database, logger };
    };
    begin({
      database,
      redis,
      optionsOf,
      check: (configuration) => createMoneyCheck(optionsOf(configuration))(),
      alerts: async () =>
        (await createAlertStore(database).list({ limit: 100 }, Date.now())).map(({ type, payload }) => ({
          type,
          ...payload,
        })),
    });
  });
  afterAll(async () => {
    await database.destroy();
    await redis.stop();
  });
  beforeEach(async () => {
    for (const table of TABLES) await database.deleteFrom(table).execute();
    await redis.client.flushall();
  });
}
