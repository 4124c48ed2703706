// `sluice alerts`: alerts about budgets, balances, expiries, credentials, spending and bills.
import { Command, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import { ALERT_TYPES, type AlertType } from '../webhooks/alert-store.ts';
import { type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments, wholeNumber } from './arguments.ts';
import { formatTable, print } from './terminal.ts';

interface AlertOptions extends AdminOptions {
  type?: AlertType;
  limit: number;
  current?: boolean;
  json: boolean;
}

export function alertsCommand(environment: () => Environment): Command {
  const command = new Command('alerts')
    .description(
      'list alerts, newest first: budgets and balances at a threshold, expiring keys, refused credentials, unusual spending, bills that differ',
    )
    .addOption(new Option('--type <type>', 'only this type').choices(ALERT_TYPES))
    .option('--current', 'only alerts that are not resolved')
    .option('--limit <count>', 'number of alerts', wholeNumber, 50);
  return adminArguments(command).action((options: AlertOptions) => show(environment(), options));
}

async function show(environment: Environment, { type, limit, current, ...options }: AlertOptions): Promise<void> {
  const query = {
    limit,
    ...(type === undefined ? {} : { type }),
    ...(current === true ? { state: 'current' as const } : {}),
  };
  const { data } = await dataOf(createAdminClient(options, environment).GET('/admin/alerts', { params: { query } }));
  if (options.json) return print(JSON.stringify(data));
  if (data.length === 0) return print('No alerts.');
  const rows = data.map(({ created_at: at, ended_at: end, type: what, data: payload }) => [
    shortTime(at),
    end === null ? 'active' : shortTime(end),
    what,
    sentenceOf(what, payload as Record<string, unknown>),
  ]);
  print(formatTable(['RAISED (UTC)', 'RESOLVED (UTC)', 'ALERT', 'ABOUT'], rows));
}

function shortTime(time: string): string {
  return time.slice(0, 19).replace('T', ' ');
}

function sentenceOf(type: AlertType, data: Record<string, unknown>): string {
  if (type === 'budget.threshold_reached') {
    return `${data.account_kind} ${data.account_name} (${data.account}): ${data.percent} % of ${data.budget_usd} USD by ${data.period}, ${data.spent_usd} spent`;
  }
  if (type === 'spend.anomaly') {
    const place = data.scope === 'all' ? 'all' : `${data.scope} ${data.name}`;
    return `${place}: ${data.spent_usd} USD in the hour from ${data.hour}, usually ${data.usual_usd}`;
  }
  if (type === 'credits.low') {
    return `${data.account_kind} ${data.account_name} (${data.account}): ${data.balance_usd} USD left, the payment was ${data.payment_usd}`;
  }
  if (type === 'account.expiring') {
    return `${data.account_kind} ${data.account_name} (${data.account}) expires at ${data.expires_at}`;
  }
  if (type === 'provider.credential_refused') {
    const credential = data.credential === null ? '' : `, credential ${data.credential}`;
    return `${data.provider}${credential}: ${data.code}`;
  }
  if (type === 'alert.resolved') {
    const about = sentenceOf(data.alert_type as AlertType, data.about as Record<string, unknown>);
    return `resolved: ${data.alert_type}, ${about}`;
  }
  return `${data.provider}, ${data.day}: ${(data.differences as string[]).join(', ')}`;
}
