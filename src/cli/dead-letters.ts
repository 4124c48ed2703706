// `sluice dead-letters list|show|replay|delete`: requests that failed permanently.
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { type AdminClient, type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments, wholeNumber } from './arguments.ts';
import { complain, formatTable, print } from './terminal.ts';

interface FilterOptions extends AdminOptions {
  model?: string;
  provider?: string;
  code?: string;
  key?: string;
  from?: string;
  to?: string;
  json: boolean;
}

interface ReplayOptions extends FilterOptions {
  all: boolean;
  again: boolean;
  limit: number;
  asModel?: string;
  vendor?: string;
}

const FILTERS = ['model', 'provider', 'code', 'key', 'from', 'to'] as const;
const DEFAULT_LIMIT = 50;
const ALL = '/admin/dead-letters';
const ONE = '/admin/dead-letters/{id}';

export function deadLettersCommand(environment: () => Environment): Command {
  const root = new Command('dead-letters').description('inspect and replay requests that failed permanently');
  const client = (options: AdminOptions) => createAdminClient(options, environment());
  const limit = (command: Command, what: string) => command.option('-n, --limit <n>', what, wholeNumber, DEFAULT_LIMIT);

  limit(
    filters(adminArguments(root.command('list').description('list dead letters, newest first'))),
    'number of letters',
  ).action((options: FilterOptions & { limit: number }) => list(client(options), options));
  adminArguments(root.command('show').argument('<id>').description('show failure, timeline and attempts')).action(
    async (id: string, options: AdminOptions) =>
      print(JSON.stringify(await dataOf(client(options).GET(ONE, { params: { path: { id } } })), null, 2)),
  );
  limit(
    filters(adminArguments(root.command('replay').argument('[ids...]').description('send them again as new requests'))),
    'replay at most this many that match the filter',
  )
    .option('--all', 'all that match the filter, oldest first, except those already replayed', false)
    .option('--again', 'include those already replayed', false)
    .option('--as-model <name>', 'use this model instead')
    .option('--vendor <provider>', 'use this provider only')
    .action((ids: string[], options: ReplayOptions) => replay(client(options), ids, options));
  filters(
    adminArguments(
      root
        .command('delete')
        .argument('[ids...]')
        .description('delete permanently: by id, or all that match the filter'),
    ),
  ).action((ids: string[], options: FilterOptions) => remove(client(options), ids, options));
  return root;
}

function filters(command: Command): Command {
  return command
    .option('--model <name>', 'only this model')
    .option('--provider <name>', 'only failures of this provider')
    .option('--code <code>', 'with this failure code only')
    .option('--key <id>', 'only this client key')
    .option('--from <time>', 'failed on or after this day or time (UTC)')
    .option('--to <time>', 'failed on or before this day, or before this time (UTC)');
}

function filterOf(options: FilterOptions): Partial<Record<(typeof FILTERS)[number], string>> {
  const given = FILTERS.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]]));
  return Object.fromEntries(given);
}

async function list(client: AdminClient, options: FilterOptions & { limit: number }): Promise<void> {
  const query = { ...filterOf(options), limit: options.limit };
  const page = await dataOf(client.GET(ALL, { params: { query } }));
  if (options.json) return print(JSON.stringify(page.data));
  if (page.data.length === 0) return print('No dead letters.');
  const rows = page.data.map(({ id, failed_at: failedAt, model, provider, error, replays }) => [
    id,
    failedAt.slice(0, 19).replace('T', ' '),
    model,
    provider ?? '',
    error.code,
    replays.length === 0 ? '' : 'replayed',
  ]);
  print(formatTable(['ID', 'FAILED (UTC)', 'MODEL', 'PROVIDER', 'CODE', ''], rows));
  if (page.has_more) print('\nThere are more: narrow the filter or raise --limit.');
}

async function replay(client: AdminClient, ids: readonly string[], options: ReplayOptions): Promise<void> {
  const change = {
    ...(options.asModel === undefined ? {} : { model: options.asModel }),
    ...(options.vendor === undefined ? {} : { vendor: options.vendor }),
  };
  if (ids.length === 0) return replayMany(client, change, options);
  if (options.all) throw new Error('pass ids, or --all with a filter, not both');
  for (const id of ids) {
    const made = await dataOf(client.POST(`${ONE}/replay`, { params: { path: { id } }, body: change }));
    print(options.json ? JSON.stringify(made) : `${id} was replayed as ${made.request_id}`);
  }
}

async function replayMany(client: AdminClient, change: object, options: ReplayOptions): Promise<void> {
  const filter = filterOf(options);
  if (!options.all && Object.keys(filter).length === 0) throw new Error('pass ids, a filter or --all');
  const wanted = {
    ...change,
    filter: { ...filter, ...(options.again ? { replayed: null } : {}) },
    limit: options.limit,
  };
  const report = await dataOf(client.POST(`${ALL}/replay`, { body: wanted }));
  if (options.json) return print(JSON.stringify(report));
  for (const { id, message } of report.failures) complain(`${id}: ${message}`);
  print(`${report.replayed} of ${report.matched} replayed${report.failed > 0 ? `, ${report.failed} failed` : ''}.`);
}

async function remove(client: AdminClient, ids: readonly string[], options: FilterOptions): Promise<void> {
  let deleted = 0;
  for (const id of ids) {
    await client.DELETE(ONE, { params: { path: { id } } });
    deleted += 1;
  }
  if (ids.length === 0) {
    if (Object.keys(filterOf(options)).length === 0) throw new Error('pass ids or a filter');
    deleted = (await dataOf(client.DELETE(ALL, { params: { query: filterOf(options) } }))).deleted;
  }
  print(options.json ? JSON.stringify({ deleted }) : `${deleted} deleted.`);
}
