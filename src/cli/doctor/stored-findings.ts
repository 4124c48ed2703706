// Findings about the data in Redis and SQL: costs that are not written yet, failed requests, keys without limits.
import { sql } from 'kysely';
import type { ApiKey } from '../../accounts/api-key.ts';
import { createKeyStore } from '../../accounts/key-store.ts';
import { isLoopback, type Runtime } from '../../config/runtime.ts';
import { withoutSecrets } from '../../config/secrets.ts';
import { createDeadLetterStore } from '../../dead-letters/dead-letter-store.ts';
import { readLedgerState } from '../../ledger/ledger-watch.ts';
import { createRejectStore } from '../../ledger/reject-store.ts';
import { createWorkerLiveness } from '../../reply/worker-liveness.ts';
import { createHolds } from '../../routing/holds.ts';
import type { Database } from '../../storage/database.ts';
import { createKeyspace } from '../../storage/keyspace.ts';
import type { RedisClient } from '../../storage/redis.ts';
import { createEndpointStore } from '../../webhooks/endpoint-store.ts';
import { createSecretBox } from '../../webhooks/secret-box.ts';
import { formatDuration } from '../terminal.ts';
import { clockFindings, type Finding, measureSkew } from './finding.ts';

const MAX_NAMED = 5;
/** Smaller tables are read as a whole anyway. */
const MANY_BYTES = 1024 * 1024;

function named(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(', ') + (more > 0 ? ` and ${more} more` : '');
}

/** Work that is held back or left behind. Read-only. */
export async function workFindings(
  redis: RedisClient,
  database: Database | null,
  runtime: Runtime,
): Promise<Finding[]> {
  const keyspace = createKeyspace(runtime.configuration.redis.namespace);
  const say = (severity: Finding['severity'], finding: string, remedy: string): Finding => ({
    severity,
    area: 'work',
    finding,
    remedy,
  });
  const holds = createHolds(redis, keyspace);
  const countRejects = () =>
    database === null ? Promise.reject(new Error('no database')) : createRejectStore(database).count();
  const [hasWorker, open, ledger] = await Promise.all([
    createWorkerLiveness(redis, keyspace).hasLiveWorker(runtime.replyShards),
    redis.hgetall(keyspace.openCircuits),
    readLedgerState({ redis, keyspace, countRejects }),
    holds.refresh(),
  ]);
  const circuits = Object.keys(open);
  const held = holds.all().map(({ name, reason }) => `${name} (${reason})`);
  return [
    ...(hasWorker
      ? []
      : [say('error', 'no worker is running: requests wait, and readiness is 503', 'start sluice worker')]),
    ...(circuits.length === 0
      ? []
      : [
          say(
            'warning',
            `the circuit is open for ${named(circuits)}`,
            'see sluice dead-letters list and the log of the workers',
          ),
        ]),
    ...(held.length === 0 ? [] : [say('warning', `held by an operator: ${named(held)}`, 'sluice release NAME')]),
    ...(ledger.isBehind
      ? [
          say(
            'error',
            `the ledger is behind: ${ledger.waiting} messages are waiting, the oldest for ${formatDuration(ledger.oldestMs)}`,
            'check that the database accepts writes and that a worker without --no-ledger is running',
          ),
        ]
      : []),
    ...(ledger.rejects
      ? [
          say(
            'warning',
            `the database refused ${ledger.rejects} ledger messages: their costs are missing`,
            'sluice ledger rejects list',
          ),
        ]
      : []),
  ];
}

export async function databaseFindings(database: Database, runtime: Runtime): Promise<Finding[]> {
  const isPostgres = /^postgres(ql)?:/.test(runtime.databaseUrl);
  return [
    ...(isPostgres ? await postgresFindings(database, runtime.databaseUrl) : []),
    ...keyFindings(await createKeyStore(database).list(), runtime),
    ...(await letterFindings(database)),
    ...(await webhookFindings(database, runtime)),
  ];
}

async function postgresFindings(database: Database, url: string): Promise<Finding[]> {
  const skewMs = await measureSkew(async () => {
    const { rows } = await sql<{ ms: string }>`select extract(epoch from clock_timestamp()) * 1000 as ms`.execute(
      database,
    );
    return Number(rows[0]!.ms);
  });
  const ssl = await sql<{ ssl: boolean }>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`.execute(database);
  const host = URL.parse(url)?.hostname ?? '';
  const isOnWire = host !== '' && !isLoopback(host) && ssl.rows[0]?.ssl === false;
  const plain: Finding = {
    severity: 'warning',
    area: 'network',
    finding: `${withoutSecrets(url)} is not encrypted`,
    remedy: 'add ?sslmode=verify-full to database.url, unless the network is private',
  };
  return [
    ...clockFindings('PostgreSQL', skewMs),
    ...(isOnWire ? [plain] : []),
    ...(await statisticsFindings(database)),
  ];
}

/** After pg_upgrade or pg_restore there are none: searches then read whole tables, which takes seconds where it took milliseconds. */
async function statisticsFindings(database: Database): Promise<Finding[]> {
  const { rows } = await sql<{ name: string }>`select c.relname as name from pg_class c
    where c.relnamespace = current_schema()::regnamespace and c.relkind = 'r' and pg_relation_size(c.oid) > ${MANY_BYTES}
      and not exists (select 1 from pg_stats s where s.schemaname = current_schema() and s.tablename = c.relname)
    order by pg_relation_size(c.oid) desc`.execute(database);
  if (rows.length === 0) return [];
  const finding = `PostgreSQL has no statistics of ${named(rows.map(({ name }) => name))}: queries are slow`;
  return [
    { severity: 'warning', area: 'database', finding, remedy: 'run ANALYZE in the database, and leave autovacuum on' },
  ];
}

/** Keys without limits matter only if other machines can connect. */
function keyFindings(keys: readonly ApiKey[], { listen }: Runtime): Finding[] {
  const unbound = keys.filter(({ revokedAtMs, settings }) => {
    const { limits, budgets } = settings;
    return revokedAtMs === null && Object.keys(limits).length === 0 && Object.keys(budgets).length === 0;
  });
  if (unbound.length === 0) return [];
  return [
    {
      severity: isLoopback(listen.host) ? 'note' : 'warning',
      area: 'keys',
      finding: `keys without limits and budget: ${named(unbound.map(({ id, name }) => `${id} (${name})`))}`,
      remedy: 'sluice keys update <id> --rpm 60 --budget 20/month: limits and budgets bound the damage of a stolen key',
    },
  ];
}

async function letterFindings(database: Database): Promise<Finding[]> {
  const count = await createDeadLetterStore(database).count({ isReplayed: false });
  if (count === 0) return [];
  const finding = `${count} requests failed permanently and have not been replayed`;
  return [{ severity: 'warning', area: 'work', finding, remedy: 'sluice dead-letters list' }];
}

async function webhookFindings(database: Database, { environment }: Runtime): Promise<Finding[]> {
  const box = createSecretBox(environment.secretsKey);
  if (box.isSealing) return [];
  const stored = await createEndpointStore(database, box).list();
  if (stored.length === 0) return [];
  const finding = 'webhook secrets are stored unencrypted';
  return [
    {
      severity: 'warning',
      area: 'keys',
      finding,
      remedy: 'set SLUICE_SECRETS_KEY: they are encrypted at the next start',
    },
  ];
}
