// `sluice doctor`: inspects a running installation without changing anything, and reports what should be changed. Exit code 0:
// nothing; 1: warnings; 2: errors.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, formatFault } from '../config/load.ts';
import type { RedisAddress, Runtime } from '../config/runtime.ts';
import { type Database, lookIntoDatabase } from '../storage/database.ts';
import { embeddedRedisUrl } from '../storage/embedded-redis.ts';
import { connectRedis, disconnectRedis, type RedisClient } from '../storage/redis.ts';
import { exitCodeOf, type Finding, SEVERITIES } from './doctor/finding.ts';
import { machineFindings } from './doctor/machine-findings.ts';
import { readRedis, redisFindings } from './doctor/redis-findings.ts';
import { databaseFindings, workFindings } from './doctor/stored-findings.ts';
import { bold, dim, print } from './terminal.ts';

/** @param runtime throws a ConfigurationError for a configuration that cannot be used. */
export async function doctor(options: { json: boolean }, runtime: () => Runtime): Promise<number> {
  const findings = await examine(runtime);
  findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
  if (options.json) print(JSON.stringify({ findings }));
  else report(findings);
  return exitCodeOf(findings);
}

export async function examine(load: () => Runtime): Promise<Finding[]> {
  let runtime: Runtime;
  try {
    runtime = load();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map((fault) => ({
      severity: 'error',
      area: 'configuration',
      finding: formatFault(fault),
      remedy: 'sluice check',
    }));
  }
  return [...machineFindings(runtime), ...(await examineStores(runtime))];
}

async function examineStores(runtime: Runtime): Promise<Finding[]> {
  const address = addressOf(runtime);
  const [redis, database] = await Promise.all([openRedis(address), openForReading(runtime)]);
  try {
    return [
      ...('finding' in redis
        ? [redis]
        : await tried('redis', async () =>
            redisFindings(await readRedis(redis), address!).filter(isToBeChanged(runtime)),
          )),
      ...('finding' in database ? [database] : await tried('database', () => databaseFindings(database, runtime))),
      ...('finding' in redis
        ? []
        : await tried('work', () => workFindings(redis, 'finding' in database ? null : database, runtime))),
    ];
  } finally {
    if (!('finding' in redis)) disconnectRedis(redis);
    if (!('finding' in database)) await database.destroy();
  }
}

/** The embedded Redis of `sluice start` is small on purpose, and the operator does not control its settings. */
function isToBeChanged({ redisAddress }: Runtime): (finding: Finding) => boolean {
  return ({ finding }) => redisAddress !== null || !finding.includes('maxmemory is not set');
}

/** A part that cannot be inspected becomes a finding; the other parts are still inspected. */
async function tried(area: Finding['area'], look: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await look();
  } catch (error) {
    const remedy = 'check its log, and the permissions of the user that Sluice connects as';
    return [{ severity: 'error', area, finding: `cannot be checked: ${(error as Error).message}`, remedy }];
  }
}

function addressOf({ redisAddress, environment }: Runtime): RedisAddress | null {
  if (redisAddress !== null) return redisAddress;
  const url = embeddedRedisUrl(join(environment.dataDirectory, 'redis'));
  return url === null ? null : { kind: 'standalone', url };
}

async function openRedis(address: RedisAddress | null): Promise<RedisClient | Finding> {
  const failed = (finding: string, remedy: string): Finding => ({ severity: 'error', area: 'redis', finding, remedy });
  if (address === null) {
    return failed(
      'none is configured, and sluice start has not created one here',
      'set redis.url or SLUICE_REDIS_URL, or run sluice start',
    );
  }
  return connectRedis(address, 'producer', () => undefined).catch((error: Error) =>
    failed(error.message, 'start Redis, and make sure that this machine can reach it'),
  );
}

async function openForReading({ databaseUrl }: Runtime): Promise<Database | Finding> {
  const file = databaseUrl.startsWith('sqlite:') ? databaseUrl.slice('sqlite:'.length) : null;
  if (file !== null && !existsSync(file)) {
    const finding = `there is no ${file} yet`;
    return {
      severity: 'note',
      area: 'database',
      finding,
      remedy: 'it is created at the first start; check --config and SLUICE_DATA',
    };
  }
  return lookIntoDatabase(databaseUrl).catch((error: Error) => {
    const remedy = 'start the database, and make sure that this machine can reach it';
    return { severity: 'error', area: 'database', finding: error.message, remedy } as const;
  });
}

function report(findings: readonly Finding[]): void {
  for (const { severity, area, finding, remedy } of findings) {
    print(`${bold(severity.padEnd(8))} ${area.padEnd(13)} ${finding}`);
    print(`${' '.repeat(23)}${dim(`→ ${remedy}`)}`);
  }
  const counts = SEVERITIES.map(
    (severity) => [severity, findings.filter((one) => one.severity === severity).length] as const,
  );
  const told = counts
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}${count === 1 ? '' : 's'}`);
  print(told.length === 0 ? 'No problems found.' : `\n${told.join(', ')}.`);
}
