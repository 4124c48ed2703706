// `sluice keys create|list|show|update|rotate|revoke`: works on the database, and notifies running API processes through Redis
// if there is one.
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { createAccountStore } from '../accounts/account-store.ts';
import { type AuditEntry, createAdminKeyStore } from '../accounts/admin-key-store.ts';
import {
  type ApiKey,
  BUDGET_PERIODS,
  type BudgetPeriod,
  DEFAULT_KEY_SETTINGS,
  type KeySettings,
} from '../accounts/api-key.ts';
import { createBudgetReader, periodStart } from '../accounts/budgets.ts';
import { announceKeyChange, checkKeyName, createKeyStore, type KeyStore } from '../accounts/key-store.ts';
import { describeSettings, readSettingsForm, settingsForm } from '../accounts/settings-form.ts';
import type { Runtime } from '../config/runtime.ts';
import { formatUsd } from '../contracts/money.ts';
import { type Database, openDatabase } from '../storage/database.ts';
import { embeddedRedisUrl } from '../storage/embedded-redis.ts';
import { createKeyspace } from '../storage/keyspace.ts';
import { connectRedis, disconnectRedis } from '../storage/redis.ts';
import {
  formatBudgets,
  formatFields,
  formatSpent,
  formOf,
  NO_SETTINGS,
  type SettingArguments,
  settingArguments,
  settingLines,
} from './account-settings.ts';
import { complain, formatTable, print } from './terminal.ts';

type KeyOptions = SettingArguments & { project?: string; name?: string; json: boolean };

const CREATE_EXAMPLES = `
Examples:
  $ sluice keys create ci --rpm 60 --budget 20/month --budget 2/day --model 'gpt-*'
  $ sluice keys create partner --credits --markup 10 --expires 2027-01-31T00:00:00Z
  $ sluice keys create search --project proj_… --metadata team=search`;

const UPDATE_EXAMPLES = `
Examples:
  $ sluice keys update key_… --budget 40/month --budget none/day
  $ sluice keys update key_… --rpm none --all-models --expires never --metadata team=`;

const LONGEST_KEPT_HOURS = 720;

export function keyCommands(keys: Command, runtime: () => Runtime): void {
  const create = keys
    .command('create')
    .argument('<name>', 'a name for the key')
    .description('create a key; it is shown once');
  settingArguments(create, { isChange: false })
    .option('--project <id>', 'proj_…, from `sluice accounts list`')
    .option('--json', 'machine-readable', false)
    .addHelpText('after', CREATE_EXAMPLES)
    .action((name: string, options: KeyOptions) => createKey(runtime(), name, options));

  keys
    .command('list')
    .description('list all keys, including revoked ones')
    .option('--json', 'machine-readable', false)
    .action((options: { json: boolean }) => listKeys(runtime(), options));

  keys
    .command('show')
    .argument('<id>', 'key_…, from `sluice keys list`')
    .description('settings and spending of a key')
    .option('--json', 'machine-readable', false)
    .action((id: string, options: { json: boolean }) => showKey(runtime(), id, options));

  const update = keys
    .command('update')
    .argument('<id>', 'key_…, from `sluice keys list`')
    .description('change the settings of a key. Settings that are not named stay. Takes effect within a second');
  settingArguments(update, { isChange: true })
    .option('--json', 'machine-readable', false)
    .addHelpText('after', UPDATE_EXAMPLES)
    .action((id: string, options: KeyOptions) => updateKey(runtime(), id, options));

  keys
    .command('rotate')
    .argument('<id>', 'key_…, from `sluice keys list`')
    .description('replace the secret of a key; the new one is shown once')
    .option('--keep <hours>', 'how long the former secret stays valid, 0 to 720', hours, 24)
    .option('--json', 'machine-readable', false)
    .action((id: string, options: { keep: number; json: boolean }) => rotateKey(runtime(), id, options));

  keys
    .command('revoke')
    .argument('<id>', 'key_…, from `sluice keys list`')
    .description('revoke a key, immediately and permanently')
    .option('--json', 'machine-readable', false)
    .action((id: string, options: { json: boolean }) => revokeKey(runtime(), id, options));
}

function hours(text: string): number {
  const value = Number(text);
  if (text !== '' && Number.isInteger(value) && value >= 0 && value <= LONGEST_KEPT_HOURS) return value;
  throw new InvalidArgumentError(`must be a whole number from 0 to ${LONGEST_KEPT_HOURS}.`);
}

/** The same validation as over HTTP. Throws an error that names the setting. */
function checkedForm(form: object) {
  const checked = settingsForm.safeParse(form);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw new Error(`${issue!.path.join('.')}: ${issue!.message}`);
}

async function createKey(runtime: Runtime, name: string, options: KeyOptions): Promise<void> {
  const settings = readSettingsForm(checkedForm(formOf(options, NO_SETTINGS)), DEFAULT_KEY_SETTINGS);
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
  else print(`${secret}\n\n${key.id} (${name}). The key is shown only once; Sluice keeps only its hash.`);
}

async function listKeys(runtime: Runtime, options: { json: boolean }): Promise<void> {
  const keys = await withBooks(runtime, ({ store }) => store.list());
  if (options.json) return print(JSON.stringify(keys));
  if (keys.length === 0) return print('There are no keys; create one with sluice keys create.');
  const rows = keys.map(({ id, name, hint, projectId, settings, createdAtMs, revokedAtMs }) => [
    id,
    name,
    hint,
    new Date(createdAtMs).toISOString().slice(0, 10),
    projectId ?? '',
    formatBudgets(describeSettings(settings).budgets),
    revokedAtMs === null ? (isExpired(settings) ? 'expired' : 'active') : 'revoked',
  ]);
  print(formatTable(['ID', 'NAME', 'KEY', 'CREATED', 'PROJECT', 'BUDGET', 'STATE'], rows));
}

function isExpired({ expiresAtMs }: KeySettings): boolean {
  return expiresAtMs !== null && expiresAtMs <= Date.now();
}

async function showKey(runtime: Runtime, id: string, { json }: { json: boolean }): Promise<void> {
  const shown = await withBooks(runtime, async ({ store, database }) => {
    const key = await store.findById(id);
    if (key === null) throw new Error(`there is no key '${id}'; see sluice keys list`);
    return { ...shownKey(key), spent_usd: await readSpent(database, id) };
  });
  print(json ? JSON.stringify(shown) : formatKey(shown));
}

/** Amounts spent in the current periods, according to the books. */
async function readSpent(database: Database, id: string): Promise<Record<string, string>> {
  const reader = createBudgetReader(database);
  const spentIn = async (period: BudgetPeriod) =>
    [period, formatUsd(await reader.spentSince({ id, kind: 'key' }, periodStart(period, Date.now())))] as const;
  return Object.fromEntries(await Promise.all(BUDGET_PERIODS.map(spentIn)));
}

async function updateKey(runtime: Runtime, id: string, options: KeyOptions): Promise<void> {
  const changed = await withBooks(runtime, async ({ store, note }) => {
    const before = await store.findById(id);
    if (before === null) throw new Error(`there is no key '${id}'; see sluice keys list`);
    const form = checkedForm(formOf(options, describeSettings(before.settings)));
    const { name } = options;
    if (Object.keys(form).length === 0 && name === undefined)
      throw new Error('nothing to change; see sluice keys update --help');
    if (name !== undefined && name !== before.name) [name, before.name].forEach(checkKeyName);
    const after = (await store.update(id, readSettingsForm(form, before.settings), name))!;
    await note({ method: 'PATCH', path: `/admin/keys/${id}`, before, after });
    return after;
  });
  await announce(runtime);
  print(options.json ? JSON.stringify(shownKey(changed)) : formatKey(shownKey(changed)));
}

function formatKey({ spent_usd: spent, ...key }: ReturnType<typeof shownKey> & { spent_usd?: Record<string, string> }) {
  const until = key.former_secret_until;
  return formatFields([
    ['id', key.id],
    ['name', key.name],
    ['key', key.hint],
    ...(until === null ? [] : [['former secret', `valid until ${until}`] as const]),
    ['project', key.project ?? 'none'],
    ...settingLines(key),
    ...(spent === undefined ? [] : [['spent (USD)', formatSpent(spent)] as const]),
    ['state', key.revoked_at === null ? 'active' : `revoked ${key.revoked_at}`],
  ]);
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
  else
    print(
      `${rotated.secret}\n\nThe former secret of ${id} (${rotated.key.name}) ${keep === 0 ? 'is no longer valid' : `stays valid for ${keep} h`}.`,
    );
}

async function revokeKey(runtime: Runtime, id: string, { json }: { json: boolean }): Promise<void> {
  const key = await withBooks(runtime, async ({ store, note }) => {
    const before = await store.findById(id);
    const revoked = await store.revoke(id);
    if (revoked !== null) await note({ method: 'DELETE', path: `/admin/keys/${id}`, before, after: revoked });
    return revoked;
  });
  if (key === null) throw new Error(`there is no key '${id}'; see sluice keys list`);
  await announce(runtime);
  print(json ? JSON.stringify(shownKey(key)) : `${id} (${key.name}) has been revoked.`);
}

interface Books {
  store: KeyStore;
  database: Database;
  /** Writes an audit entry, as the administration API does for actions over HTTP. */
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

function shownKey({ id, name, hint, projectId, settings, formerUntilMs, revokedAtMs }: ApiKey) {
  const former = formerUntilMs !== null && formerUntilMs > Date.now() ? new Date(formerUntilMs).toISOString() : null;
  const revokedAt = revokedAtMs === null ? null : new Date(revokedAtMs).toISOString();
  const shown = describeSettings(settings);
  return { id, name, hint, project: projectId, ...shown, former_secret_until: former, revoked_at: revokedAt };
}

/** Everyone with write access to the database may run these commands: the log names the user and the machine. */
function commandActor(): string {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    // A user without an entry in /etc/passwd, as in containers.
    user = `uid ${process.getuid?.() ?? 'unknown'}`;
  }
  return `command line (${user}@${hostname()})`;
}

/** Notifies running API processes; if Redis is out of reach, they notice the change within a minute. */
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
