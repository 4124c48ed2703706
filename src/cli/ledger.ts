// `sluice ledger rejects list|show|replay|delete`: messages of the ledger that SQL refused.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { type AdminClient, type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments } from './arguments.ts';
import { complain, formatTable, print } from './terminal.ts';

interface Options extends AdminOptions {
  json: boolean;
}

interface ReplayOptions extends Options {
  all: boolean;
  message?: string;
}

const ALL = '/admin/ledger/rejects';
const ONE = '/admin/ledger/rejects/{id}';
const PAGE = 500;

export function ledgerCommand(environment: () => Environment): Command {
  const root = new Command('ledger').description('the ledger of costs');
  const rejects = root
    .command('rejects')
    .description('messages that the database refused and that are missing in the ledger');
  const client = (options: AdminOptions) => createAdminClient(options, environment());

  adminArguments(rejects.command('list').description('list them, oldest first')).action((options: Options) =>
    list(client(options), options),
  );
  adminArguments(
    rejects.command('show').argument('<id>').description('show the reason and the message as received'),
  ).action(async (id: string, options: Options) =>
    print(JSON.stringify(await dataOf(client(options).GET(ONE, { params: { path: { id } } })), null, 2)),
  );
  adminArguments(rejects.command('replay').argument('[ids...]').description('write them to the ledger again'))
    .option('--all', 'all messages', false)
    .option('--message <file>', 'file with the corrected message for one id (JSON as in `show`)')
    .action((ids: string[], options: ReplayOptions) => replay(client(options), ids, options));
  adminArguments(
    rejects
      .command('delete')
      .argument('<ids...>')
      .description('delete permanently: they will never be written to the ledger'),
  ).action((ids: string[], options: Options) => remove(client(options), ids, options));
  return root;
}

async function list(client: AdminClient, options: Options): Promise<void> {
  const page = await dataOf(client.GET(ALL, { params: { query: { limit: PAGE } } }));
  if (options.json) return print(JSON.stringify(page.data));
  if (page.data.length === 0) return print('No refused messages.');
  const rows = page.data.map(({ id, rejected_at: at, part, request_id: requestId, reason }) => [
    id,
    at.slice(0, 19).replace('T', ' '),
    part,
    requestId ?? '',
    reason,
  ]);
  print(formatTable(['ID', 'REFUSED (UTC)', 'PART', 'REQUEST', 'REASON'], rows));
  if (page.has_more) print(`\nThere are more than ${PAGE}.`);
}

async function replay(client: AdminClient, ids: readonly string[], options: ReplayOptions): Promise<void> {
  if (options.all === ids.length > 0) throw new Error('pass ids or --all');
  if (options.message !== undefined && ids.length !== 1) throw new Error('--message needs exactly one id');
  const body = options.message === undefined ? {} : { message: readMessageFile(options.message) };
  for (const id of ids) await client.POST(`${ONE}/replay`, { params: { path: { id } }, body });
  const replayed = options.all ? await replayAll(client) : ids.length;
  print(
    options.json
      ? JSON.stringify({ replayed })
      : `${replayed} replayed; messages that are refused again will be listed again.`,
  );
}

/** One page only: messages that are refused again reappear, so repeating this might never end. */
async function replayAll(client: AdminClient): Promise<number> {
  const { replayed, left } = await dataOf(client.POST(`${ALL}/replay`, { body: { limit: PAGE } }));
  if (left > 0) complain(`${left} remain: replay them after these are written.`);
  return replayed;
}

/** Accepts the message itself, or the output of `show`, which contains it. */
function readMessageFile(path: string): Record<string, unknown> {
  const value = JSON.parse(readFileSync(path, 'utf8')) as { message?: Record<string, unknown> };
  return value.message ?? value;
}

async function remove(client: AdminClient, ids: readonly string[], options: Options): Promise<void> {
  for (const id of ids) await client.DELETE(ONE, { params: { path: { id } } });
  print(options.json ? JSON.stringify({ deleted: ids.length }) : `${ids.length} deleted.`);
}
