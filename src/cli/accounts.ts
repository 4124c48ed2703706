// `sluice accounts …`: organisations and projects above client keys, prepaid credits.
import { Argument, Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import {
  formatBudgets,
  formatFields,
  formatSpent,
  formOf,
  NO_SETTINGS,
  type SettingArguments,
  settingArguments,
  settingLines,
  usd,
} from './account-settings.ts';
import { type AdminOptions, type AdminSchemas, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments, day } from './arguments.ts';
import { formatTable, print } from './terminal.ts';

type Options = AdminOptions & { json: boolean };

type AccountOptions = Options & SettingArguments & { organisation?: string; name?: string };

const CREATE_EXAMPLES = `
Examples:
  $ sluice accounts create organisation acme --budget 500/month --budget 50/day
  $ sluice accounts create project search --organisation org_… --model 'gpt-*' --rpm 600 --concurrency 50
  $ sluice accounts create organisation reseller --credits --markup 10`;

const UPDATE_EXAMPLES = `
Examples:
  $ sluice accounts update org_… --budget 800/month --budget none/day
  $ sluice accounts update proj_… --rpm none --all-models --expires never
  $ sluice accounts update proj_… --metadata team=search --metadata cost-centre=`;

export function accountsCommand(environment: () => Environment): Command {
  const root = new Command('accounts').description('organisations and projects above client keys, and prepaid credits');
  const client = (options: Options) => createAdminClient(options, environment());

  const create = root
    .command('create')
    .addArgument(new Argument('<kind>').choices(['organisation', 'project']))
    .argument('<name>')
    .description('create one; keys join a project by `sluice keys create --project`')
    .option('--organisation <id>', 'organisation that a project belongs to');
  adminArguments(settingArguments(create, { isChange: false }))
    .addHelpText('after', CREATE_EXAMPLES)
    .action(async (kind: 'organisation' | 'project', name: string, options: AccountOptions) => {
      const { organisation } = options;
      const body = { kind, name, ...(organisation && { organisation }), ...formOf(options, NO_SETTINGS) };
      const account = await dataOf(client(options).POST('/admin/accounts', { body }));
      print(options.json ? JSON.stringify(account) : `${account.id} (${name})`);
    });

  const update = root
    .command('update')
    .argument('<id>', 'org_… or proj_…, from `sluice accounts list`')
    .description(
      'change its settings, which apply to all keys below it. Settings that are not named stay. Takes effect within a second',
    );
  adminArguments(settingArguments(update, { isChange: true }))
    .addHelpText('after', UPDATE_EXAMPLES)
    .action(async (id: string, options: AccountOptions) => {
      const [api, path] = [client(options), { id }];
      const current = await dataOf(api.GET('/admin/accounts/{id}', { params: { path } }));
      const body = { ...formOf(options, current), ...(options.name && { name: options.name }) };
      if (Object.keys(body).length === 0) throw new Error('nothing to change; see sluice accounts update --help');
      const account = await dataOf(api.PATCH('/admin/accounts/{id}', { params: { path }, body }));
      print(options.json ? JSON.stringify(account) : shownAccount(account));
    });

  adminArguments(root.command('list').description('list all, including revoked ones')).action(
    async (options: Options) => {
      const { data } = await dataOf(client(options).GET('/admin/accounts'));
      if (options.json) return print(JSON.stringify(data));
      if (data.length === 0) return print('There are no organisations or projects.');
      const rows = data.map(({ id, kind, name, organisation, budgets, credits, revoked_at: revoked }) => [
        id,
        kind,
        name,
        organisation ?? '',
        formatBudgets(budgets),
        credits === null ? '' : 'prepaid',
        revoked === null ? 'active' : 'revoked',
      ]);
      print(formatTable(['ID', 'KIND', 'NAME', 'ORGANISATION', 'BUDGET', 'CREDITS', 'STATE'], rows));
    },
  );

  adminArguments(root.command('show').argument('<id>').description('settings and spending')).action(
    async (id: string, options: Options) => {
      const account = await dataOf(client(options).GET('/admin/accounts/{id}', { params: { path: { id } } }));
      print(options.json ? JSON.stringify(account) : shownAccount(account));
    },
  );

  adminArguments(
    root
      .command('revoke')
      .argument('<id>')
      .description('revoke an account and every key below it, immediately and permanently'),
  ).action(async (id: string, options: Options) => {
    const account = await dataOf(client(options).DELETE('/admin/accounts/{id}', { params: { path: { id } } }));
    print(options.json ? JSON.stringify(account) : `${id} (${account.name}) has been revoked.`);
  });

  adminArguments(
    root
      .command('top-up')
      .argument('<id>', 'a key, project or organisation with credits')
      .argument('<usd>', 'amount; negative for a correction', signedUsd)
      .description('add to a prepaid balance'),
  )
    .option('--note <text>', 'note for the statement')
    .action(async (id: string, amount: number, options: Options & { note?: string }) => {
      const body = { amount_usd: amount, ...(options.note && { note: options.note }) };
      const done = await dataOf(
        client(options).POST('/admin/accounts/{id}/credits', { params: { path: { id } }, body }),
      );
      print(options.json ? JSON.stringify(done) : `The balance of ${id} is ${done.balance_usd} USD.`);
    });

  adminArguments(root.command('statement').argument('<id>').description('payments and charges by day'))
    .option('--from <day>', 'first day, YYYY-MM-DD (UTC)', day)
    .option('--to <day>', 'last day', day)
    .action(async (id: string, options: Options & { from?: string; to?: string }) => {
      const query = { ...(options.from && { from: options.from }), ...(options.to && { to: options.to }) };
      const path = { id };
      const statement = await dataOf(
        client(options).GET('/admin/accounts/{id}/statement', { params: { path, query } }),
      );
      if (options.json) return print(JSON.stringify(statement));
      const rows = [
        ...statement.credits.map(({ created_at: at, amount_usd: amount, note }) => [
          at.slice(0, 10),
          amount,
          note ?? 'paid in',
        ]),
        ...statement.charges.map(({ day, charge_usd: charge, requests }) => [
          day,
          `-${charge}`,
          `${requests} requests`,
        ]),
      ].sort(([a = ''], [b = '']) => b.localeCompare(a));
      print(`${formatTable(['DAY', 'USD', 'WHAT'], rows)}\n\nBalance: ${statement.balance_usd} USD`);
    });
  return root;
}

type ShownAccount = AdminSchemas['Account'] & { spent_usd?: AdminSchemas['Spending'] };

function shownAccount(account: ShownAccount): string {
  const { id, kind, name, organisation, created_at: created, revoked_at: revoked, spent_usd: spent } = account;
  return formatFields([
    ['id', id],
    [kind, name],
    ...(organisation === null ? [] : [['organisation', organisation] as const]),
    ...settingLines(account),
    ...(spent === undefined ? [] : [['spent (USD)', formatSpent(spent)] as const]),
    ['created', created],
    ['state', revoked === null ? 'active' : `revoked ${revoked}`],
  ]);
}

function signedUsd(text: string): number {
  return text.startsWith('-') ? -usd(text.slice(1)) : usd(text);
}
