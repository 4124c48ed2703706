// `sluice keys create|list|rotate|revoke`: works on the database; running API processes are told through Redis where there is one.
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createAccountStore } from '../accounts/account-store.ts';
import { type AuditEntry, createAdminKeyStore } from '../accounts/admin-key-store.ts';
import { type ApiKey, BUDGET_PERIODS, type BudgetPeriod, type KeySettings } from '../accounts/api-key.ts';
import { announceKeyChange, checkKeyName, createKeyStore, type KeyStore } from '../accounts/key-store.ts';
import { describeSettings } from '../accounts/settings-form.ts';
import type { Runtime } from '../config/runtime.ts';
import { LIMIT_KINDS, type LimitSettings, limitsOf } from '../contracts/limit-kinds.ts';
import { formatUsd, parseUsd } from '../contracts/money.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { embeddedRedisUrl } from '../storage/embedded-redis.ts';
import { createKeyspace } from '../storage/keyspace.ts';
import { connectRedis, disconnectRedis } from '../storage/redis.ts';
import { list, wholeNumber } from './arguments.ts';
import { complain, formatTable, print } from './terminal.ts';

interface CreateKeyOptions {
  limits: LimitSettings;
  budget?: string;
  budgetPeriod?: BudgetPeriod;
  models?: string[];
  weight?: number;
  batchWeight?: number;
  project?: string;
  expires?: number;
  json: boolean;
}

export function keyCommands(keys: Command, runtime: () => Runtime): void {
  const create = keys
    .command('create')
    .argument('<name>', 'what or whom the key is for')
    .description('create a key; it is shown once');
  for (const { setting, description } of LIMIT_KINDS) {
    create.option(`${flagOf(setting)} <n>`, description.replace(/^./, lowerCase).replace(/\.$/, ''), wholeNumber);
  }
  create
    .option('--budget <usd>', 'what the key may spend', usd)
    .addOption(new Option('--budget-period <period>', 'of --budget (default: total)').choices(BUDGET_PERIODS))
    .option('--model <name>', 'a model it may use, * as a wildcard (repeatable; default: all)', list)
    .option('--weight <n>', 'its share of full wait queues relative to other keys (default: 1)', weight)
    .option('--batch-weight <n>', 'its share of the batch lane relative to other keys (default: 1)', weight)
    .option('--project <id>', 'proj_…, from `sluice accounts list`')
    .option('--expires <time>', 'when it expires, such as 2027-01-31T00:00:00Z', time)
    .option('--json', 'machine-readable', false)
    .action((name: string, { model, ...options }: Omit<CreateKeyOptions, 'limits'> & { model?: string[] }) =>
      createKey(runtime(), name, {
        ...options,
        limits: limitOptions(options as Record<string, unknown>),
        ...(model === undefined ? {} : { models: model }),
      }),
    );

  keys
    .command('list')
    .description('all keys, revoked ones too')
    .option('--json', 'machine-readable', false)
    .action((options: { json: boolean }) => listKeys(runtime(), options));

  keys
    .command('rotate')
    .argument('<id>', 'key_…, from `sluice keys list`')
    .description('give a key a new secret, which is shown once')
    .option('--keep <hours>', 'how long the former secret stays valid', wholeNumber, 24)
    .option('--json', 'machine-readable', false)
    .action((id: string, options: { keep: number; json: boolean }) => rotateKey(runtime(), id, options));

  keys
    .command('revoke')
    .argument('<id>', 'key_…, from `sluice keys list`')
    .description('revoke a key, immediately and permanently')
    .action((id: string) => revokeKey(runtime(), id));
}

function flagOf(setting: string): string {
  return `--${setting.replaceAll('_', '-')}`;
}

function lowerCase(letter: string): string {
  return letter.toLowerCase();
}

/** Commander names an option `--tokens-per-day` `tokensPerDay`. */
function limitOptions(options: Readonly<Record<string, unknown>>): LimitSettings {
  const camel = (setting: string) => setting.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  const given = LIMIT_KINDS.map(({ setting }) => [setting, options[camel(setting)]]);
  return Object.fromEntries(given.filter(([, limit]) => limit !== undefined)) as LimitSettings;
}

function weight(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000)) throw new InvalidArgumentError('must be a number above 0, up to 1000.');
  return value;
}

function time(text: string): number {
  const value = Date.parse(text);
  if (Number.isNaN(value)) throw new InvalidArgumentError('must be a time, such as 2027-01-31T00:00:00Z.');
  return value;
}

/** As the settings of a key have it: picodollars. */
function usd(text: string): string {
  try {
    const amount = parseUsd(text);
    if (amount >= 0n) return amount.toString();
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError('must be an amount in USD, such as 20 or 0.5.');
}

async function createKey(runtime: Runtime, name: string, options: CreateKeyOptions): Promise<void> {
  const settings: Partial<KeySettings> = {
    limits: limitsOf(options.limits),
    budgets: options.budget === undefined ? {} : { [options.budgetPeriod ?? 'total']: options.budget },
    models: options.models ?? null,
    ...(options.weight === undefined ? {} : { weight: options.weight }),
    ...(options.batchWeight === undefined ? {} : { batchWeight: options.batchWeight }),
    ...(options.expires === undefined ? {} : { expiresAtMs: options.expires }),
  };
  checkKeyName(name);
  const { project = null } = options;
  const { key, secret } = await withBooks(runtime, async ({ store, database, note }) => {
    if (project !== null && (await createAccountStore(database).find(project))?.kind !== 'project')
      throw new Error(`there is no project '${project}'; see sluice accounts list`);
    const made = await store.create(name, settings, project);
    await note({ method: 'POST', path: '/admin/keys', after: made.key });
    return made;
  });
  if (options.json) print(JSON.stringify({ id: key.id, name, key: secret }));
  else print(`${secret}\n\n${key.id} (${name}). The key is shown only now; only its hash is kept.`);
}

async function listKeys(runtime: Runtime, options: { json: boolean }): Promise<void> {
  const keys = await withBooks(runtime, ({ store }) => store.list());
  if (options.json) return print(JSON.stringify(keys));
  const rows = keys.map(({ id, name, hint, settings, createdAtMs, revokedAtMs }) => [
    id,
    name,
    hint,
    new Date(createdAtMs).toISOString().slice(0, 10),
    Object.entries(settings.budgets)
      .map(([period, amount]) => `${formatUsd(BigInt(amount))} USD/${period}`)
      .join(', '),
    revokedAtMs === null ? 'active' : 'revoked',
  ]);
  print(formatTable(['ID', 'NAME', 'KEY', 'CREATED', 'BUDGET', 'STATE'], rows));
}

async function rotateKey(runtime: Runtime, id: string, { keep, json }: { keep: number; json: boolean }): Promise<void> {
  const rotated = await withBooks(runtime, async ({ store, note }) => {
    const before = await store.findById(id);
    const done = await store.rotate(id, keep * 3_600_000);
    if (done !== null) await note({ method: 'POST', path: `/admin/keys/${id}/rotate`, before, after: done.key });
    return done;
  });
  if (rotated === null) throw new Error(`there is no key '${id}' that is valid; see sluice keys list`);
  await announce(runtime);
  if (json) print(JSON.stringify({ id, name: rotated.key.name, key: rotated.secret }));
  else print(`${rotated.secret}\n\nThe former secret of ${id} (${rotated.key.name}) is valid for ${keep} h more.`);
}

async function revokeKey(runtime: Runtime, id: string): Promise<void> {
  const key = await withBooks(runtime, async ({ store, note }) => {
    const before = await store.findById(id);
    const revoked = await store.revoke(id);
    if (revoked !== null) await note({ method: 'DELETE', path: `/admin/keys/${id}`, before, after: revoked });
    return revoked;
  });
  if (key === null) throw new Error(`there is no key '${id}'; see sluice keys list`);
  await announce(runtime);
  print(`${id} (${key.name}) is revoked.`);
}

interface Books {
  store: KeyStore;
  database: Database;
  /** As the administration notes what is done over HTTP. */
  note(action: Pick<AuditEntry, 'method' | 'path'> & { before?: ApiKey | null; after: ApiKey }): Promise<void>;
}

async function withBooks<T>(runtime: Runtime, use: (books: Books) => Promise<T>): Promise<T> {
  const database = await openDatabase(runtime.databaseUrl, (error) => complain(error.message));
  try {
    const note: Books['note'] = ({ method, path, before = null, after }) =>
      createAdminKeyStore(database).note({
        ...{ atMs: Date.now(), actor: commandActor(), role: 'owner', method, path, status: 200, request: null },
        before: before === null ? null : JSON.stringify(shownKey(before)),
        after: JSON.stringify(shownKey(after)),
      });
    return await use({ store: createKeyStore(database), database, note });
  } finally {
    await database.destroy();
  }
}

function shownKey({ id, name, hint, projectId, settings, revokedAtMs }: ApiKey) {
  const revokedAt = revokedAtMs === null ? null : new Date(revokedAtMs).toISOString();
  return { id, name, hint, project: projectId, ...describeSettings(settings), revoked_at: revokedAt };
}

/** Whoever may write the database: the log names the user and the machine. */
function commandActor(): string {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd, as containers have them.
    user = `uid ${process.getuid?.() ?? 'unknown'}`;
  }
  return `command line (${user}@${hostname()})`;
}

/** Running API processes are told at once; if Redis is out of reach, they notice within a minute. */
async function announce({ redisAddress, environment, configuration }: Runtime): Promise<void> {
  const embedded = embeddedRedisUrl(join(environment.dataDirectory, 'redis'));
  const address = redisAddress ?? (embedded === null ? null : ({ kind: 'standalone', url: embedded } as const));
  if (address === null) return;
  try {
    const redis = await connectRedis(address, 'producer', () => undefined);
    await announceKeyChange(redis, createKeyspace(configuration.redis.namespace));
    disconnectRedis(redis);
  } catch {
    complain('Redis cannot be reached from here: running API processes notice within a minute.');
  }
}
