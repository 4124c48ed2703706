// `sluice requests …`, `sluice in-flight` and `sluice budgets`: clients' requests, their cost, and what is left of budgets.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import { type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments, wholeNumber } from './arguments.ts';
import { formatDuration, formatTable, print } from './terminal.ts';

type Options = AdminOptions & { json: boolean };

interface SearchOptions extends Options {
  key?: string;
  model?: string;
  provider?: string;
  outcome?: string;
  tag?: string;
  lane?: 'interactive' | 'batch';
  from?: string;
  to?: string;
  minCost?: string;
  limit: number;
}

export function requestCommands(environment: () => Environment): Command[] {
  return [requestsCommand(environment), inFlightCommand(environment), budgetsCommand(environment)];
}

const SEARCH_EXAMPLES = `
Examples:
  $ sluice requests list --key key_… --from 2026-11-28
  $ sluice requests list --outcome upstream_rate_limited --provider openai
  $ sluice requests list --min-cost 0.5 --json`;

function requestsCommand(environment: () => Environment): Command {
  const root = new Command('requests').description('find, inspect and stop requests of all keys');
  const client = (options: Options) => createAdminClient(options, environment());

  adminArguments(root.command('list').description('list requests that have ended, newest first'))
    .option('--key <id>', 'only this key')
    .option('--model <name>', 'only this model')
    .option('--provider <name>', 'answered by this provider')
    .option('--outcome <code>', 'ok, or a failure code, such as budget_exhausted')
    .option('--tag <tag>', 'with this tag')
    .addOption(new Option('--lane <lane>', 'interactive or batch').choices(['interactive', 'batch']))
    .option('--from <day>', 'first day or time, such as 2026-11-28 (UTC)')
    .option('--to <day>', 'last day or time')
    .option('--min-cost <usd>', 'that cost at least this much', amount)
    .option('--limit <n>', 'number of requests', wholeNumber, 50)
    .addHelpText('after', SEARCH_EXAMPLES)
    .action(async ({ json, baseUrl, minCost, ...wishes }: SearchOptions) => {
      const query = { ...wishes, ...(minCost && { min_cost_usd: minCost }) };
      const options = { json, ...(baseUrl && { baseUrl }) };
      const page = await dataOf(client(options).GET('/admin/requests', { params: { query } }));
      if (json) return print(JSON.stringify(page.data));
      if (page.data.length === 0) return print('No requests found.');
      const rows = page.data.map((found) => [
        found.accepted_at.slice(0, 19).replace('T', ' '),
        found.id,
        found.key_id,
        found.model,
        found.outcome,
        formatDuration(found.duration_ms),
        found.cost_usd,
      ]);
      print(formatTable(['ACCEPTED (UTC)', 'ID', 'KEY', 'MODEL', 'OUTCOME', 'TOOK', 'USD'], rows));
    });

  adminArguments(root.command('show').argument('<id>').description('show timeline, attempts and cost')).action(
    async (id: string, options: Options) => {
      const found = await dataOf(client(options).GET('/admin/requests/{id}', { params: { path: { id } } }));
      print(JSON.stringify(found, null, options.json ? undefined : 2));
    },
  );

  adminArguments(
    root.command('cancel').argument('<id>').description('cancel a request and close its provider call'),
  ).action(async (id: string, options: Options) => {
    const done = await dataOf(client(options).POST('/admin/requests/{id}/cancel', { params: { path: { id } } }));
    print(
      options.json
        ? JSON.stringify(done)
        : done.status === 'done'
          ? `${id} had already ended.`
          : `${id} is being cancelled.`,
    );
  });
  return root;
}

function inFlightCommand(environment: () => Environment): Command {
  const command = new Command('in-flight').description('list calls in flight and waiting requests, oldest first');
  return adminArguments(command).action(async (options: Options) => {
    const { calls, waiting } = await dataOf(createAdminClient(options, environment()).GET('/admin/in-flight'));
    if (options.json) return print(JSON.stringify({ calls, waiting }));
    if (calls.length + waiting.length === 0) return print('Nothing is in flight.');
    const since = (at: string) => formatDuration(Date.now() - Date.parse(at));
    const rows = [
      ...calls.map(({ id, key_id: key, model, provider, started_at: at }) => [
        id,
        key,
        provider,
        model,
        'called',
        since(at),
      ]),
      ...waiting.map((one) => [
        one.id,
        one.key_id ?? '',
        one.provider,
        one.deployment,
        'waits',
        since(one.accepted_at),
      ]),
    ];
    print(formatTable(['ID', 'KEY', 'PROVIDER', 'MODEL OR DEPLOYMENT', 'STATE', 'SINCE'], rows));
  });
}

function budgetsCommand(environment: () => Environment): Command {
  const command = new Command('budgets').description(
    'list the budgets of keys, projects and organisations with spending and forecast, the fullest first',
  );
  return adminArguments(command).action(async (options: Options) => {
    const { data } = await dataOf(createAdminClient(options, environment()).GET('/admin/budgets'));
    if (options.json) return print(JSON.stringify(data));
    if (data.length === 0) return print('There are no budgets.');
    const share = (one: (typeof data)[number]) => Number(one.spent_usd) / Number(one.budget_usd);
    const rows = [...data]
      .sort((a, b) => share(b) - share(a))
      .map((one) => [
        one.id,
        one.kind,
        one.name,
        one.period,
        one.budget_usd,
        one.spent_usd,
        Number(one.budget_usd) === 0 ? '' : `${Math.round(share(one) * 100)} %`,
        one.forecast_usd ?? '',
        one.ends_at?.slice(0, 16).replace('T', ' ') ?? '',
      ]);
    print(formatTable(['ID', 'KIND', 'NAME', 'PERIOD', 'BUDGET', 'SPENT', 'USED', 'FORECAST', 'ENDS (UTC)'], rows));
  });
}

function amount(text: string): string {
  if (/^\d{1,6}(\.\d{1,12})?$/.test(text)) return text;
  throw new InvalidArgumentError('must be an amount in USD, such as 0.05.');
}
