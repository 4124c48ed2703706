// `sluice accounts …`, `sluice admin-keys …` and `sluice audit`: what stands above client keys, and who may administrate.
import { Argument, Command, Option } from 'commander';
import { ADMIN_ROLES, type AdminRole } from '../accounts/admin-key-store.ts';
import { BUDGET_PERIODS, type BudgetPeriod } from '../accounts/api-key.ts';
import type { Environment } from '../config/environment.ts';
import { type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments, list as repeatable, wholeNumber } from './arguments.ts';
import { formatTable, print } from './terminal.ts';

type Options = AdminOptions & { json: boolean };

interface AccountOptions extends Options {
  organisation?: string;
  budget?: string[];
  model?: string[];
  rpm?: number;
  tpm?: number;
  concurrency?: number;
  expires?: string;
  credits: boolean;
  markup?: string;
}

export function accountCommands(environment: () => Environment): Command[] {
  return [accountsCommand(environment), adminKeysCommand(environment), auditCommand(environment)];
}

function accountsCommand(environment: () => Environment): Command {
  const root = new Command('accounts').description('organisations and projects above client keys, and prepaid credits');
  const client = (options: Options) => createAdminClient(options, environment());

  adminArguments(
    root
      .command('create')
      .addArgument(new Argument('<kind>').choices(['organisation', 'project']))
      .argument('<name>')
      .description('create one; keys join a project by `sluice keys create --project`'),
  )
    .option('--organisation <id>', 'of a project')
    .option('--budget <usd/period>', `such as 50/month (${BUDGET_PERIODS.join(', ')}; repeatable)`, repeatable)
    .option('--model <name>', 'a model that its keys may use, * as a wildcard (repeatable; default: all)', repeatable)
    .option('--rpm <n>', 'requests per minute, of all its keys together', wholeNumber)
    .option('--tpm <n>', 'tokens per minute', wholeNumber)
    .option('--concurrency <n>', 'requests at once', wholeNumber)
    .option('--expires <time>', 'when it expires, such as 2027-01-31T00:00:00Z')
    .option('--credits', 'its requests are charged to a prepaid balance', false)
    .option('--markup <percent>', 'on top of the cost, with --credits')
    .action(async (kind: 'organisation' | 'project', name: string, options: AccountOptions) => {
      const body = {
        kind,
        name,
        ...(options.organisation && { organisation: options.organisation }),
        ...settingsOf(options),
      };
      const account = await dataOf(client(options).POST('/admin/accounts', { body }));
      print(options.json ? JSON.stringify(account) : `${account.id} (${name})`);
    });

  adminArguments(root.command('list').description('all, revoked ones too')).action(async (options: Options) => {
    const { data } = await dataOf(client(options).GET('/admin/accounts'));
    if (options.json) return print(JSON.stringify(data));
    const rows = data.map(({ id, kind, name, organisation, budgets, credits, revoked_at: revoked }) => [
      id,
      kind,
      name,
      organisation ?? '',
      Object.entries(budgets)
        .map(([period, amount]) => `${amount} USD/${period}`)
        .join(', '),
      credits === null ? '' : 'prepaid',
      revoked === null ? 'active' : 'revoked',
    ]);
    print(formatTable(['ID', 'KIND', 'NAME', 'ORGANISATION', 'BUDGET', 'CREDITS', 'STATE'], rows));
  });

  adminArguments(root.command('show').argument('<id>').description('its settings and what it has spent')).action(
    async (id: string, options: Options) =>
      print(
        JSON.stringify(
          await dataOf(client(options).GET('/admin/accounts/{id}', { params: { path: { id } } })),
          null,
          2,
        ),
      ),
  );

  adminArguments(
    root
      .command('revoke')
      .argument('<id>')
      .description('revoke it and every key below it, immediately and permanently'),
  ).action(async (id: string, options: Options) => {
    const account = await dataOf(client(options).DELETE('/admin/accounts/{id}', { params: { path: { id } } }));
    print(options.json ? JSON.stringify(account) : `${id} (${account.name}) is revoked.`);
  });

  adminArguments(
    root
      .command('top-up')
      .argument('<id>', 'a key, a project or an organisation that has credits')
      .argument('<usd>')
      .description('add to its prepaid balance'),
  )
    .option('--note <text>', 'for the statement')
    .action(async (id: string, amount: string, options: Options & { note?: string }) => {
      const body = { amount_usd: Number(amount), ...(options.note && { note: options.note }) };
      const done = await dataOf(
        client(options).POST('/admin/accounts/{id}/credits', { params: { path: { id } }, body }),
      );
      print(options.json ? JSON.stringify(done) : `The balance of ${id} is ${done.balance_usd} USD.`);
    });

  adminArguments(root.command('statement').argument('<id>').description('what was paid in and what was charged'))
    .option('--from <day>', 'first day, YYYY-MM-DD (UTC)')
    .option('--to <day>', 'last day')
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

function settingsOf({ budget = [], model, rpm, tpm, concurrency, expires, credits, markup }: AccountOptions) {
  const limits = { ...(rpm && { rpm }), ...(tpm && { tpm }), ...(concurrency && { concurrency }) };
  return {
    limits,
    budgets: Object.fromEntries(budget.map(readBudget)),
    ...(model && { models: model }),
    ...(expires && { expires_at: expires }),
    ...(credits && { credits: markup === undefined ? {} : { markup_percent: Number(markup) } }),
  };
}

function readBudget(text: string): [BudgetPeriod, number] {
  const [amount, period = 'total'] = text.split('/');
  const known = BUDGET_PERIODS.find((name) => name === period);
  if (known === undefined) throw new Error(`a budget is USD/period, such as 50/month, not '${text}'`);
  return [known, Number(amount)];
}

function adminKeysCommand(environment: () => Environment): Command {
  const root = new Command('admin-keys').description('keys of operators, each with a role');
  const client = (options: Options) => createAdminClient(options, environment());

  adminArguments(root.command('create').argument('<name>').description('create one; it is shown once'))
    .addOption(new Option('--role <role>', 'what it may do').choices(ADMIN_ROLES).default('read-only'))
    .action(async (name: string, options: Options & { role: AdminRole }) => {
      const created = await dataOf(client(options).POST('/admin/admin-keys', { body: { name, role: options.role } }));
      print(
        options.json
          ? JSON.stringify(created)
          : `${created.key}\n\n${created.id} (${name}, ${created.role}). It is shown only now.`,
      );
    });
  adminArguments(root.command('list').description('all, revoked ones too')).action(async (options: Options) => {
    const { data } = await dataOf(client(options).GET('/admin/admin-keys'));
    if (options.json) return print(JSON.stringify(data));
    const rows = data.map(({ id, name, hint, role, revoked_at: revoked }) => [
      id,
      name,
      hint,
      role,
      revoked === null ? 'active' : 'revoked',
    ]);
    print(formatTable(['ID', 'NAME', 'KEY', 'ROLE', 'STATE'], rows));
  });
  adminArguments(root.command('revoke').argument('<id>').description('revoke one, immediately and permanently')).action(
    async (id: string, options: Options) => {
      await dataOf(client(options).DELETE('/admin/admin-keys/{id}', { params: { path: { id } } }));
      print(options.json ? JSON.stringify({ id, revoked: true }) : `${id} is revoked.`);
    },
  );
  return root;
}

function auditCommand(environment: () => Environment): Command {
  return adminArguments(new Command('audit').description('what was changed in the administration, by whom'))
    .option('--limit <n>', 'how many, newest first (default: 100)', wholeNumber)
    .option('--path <path>', 'beginning of the path, such as /admin/keys')
    .action(async (options: Options & { limit?: number; path?: string }) => {
      const query = { ...(options.limit && { limit: options.limit }), ...(options.path && { path: options.path }) };
      const { data } = await dataOf(
        createAdminClient(options, environment()).GET('/admin/audit', { params: { query } }),
      );
      if (options.json) return print(JSON.stringify(data));
      const rows = data.map(({ at, actor, role, method, path, status }) => [
        at.slice(0, 19).replace('T', ' '),
        actor,
        role,
        `${method} ${path}`,
        String(status),
      ]);
      print(formatTable(['TIME (UTC)', 'WHO', 'ROLE', 'WHAT', 'STATUS'], rows));
    });
}
