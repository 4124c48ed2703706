// `sluice limits`: configured limits, and those learned from providers.
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments } from './arguments.ts';
import { formatTable, print } from './terminal.ts';

type LimitOptions = AdminOptions & { json: boolean };

export function limitsCommand(environment: () => Environment): Command {
  const command = new Command('limits').description(
    'limits of providers and deployments, configured and learned, and their current use',
  );
  return adminArguments(command).action((options: LimitOptions) => show(environment(), options));
}

async function show(environment: Environment, options: LimitOptions): Promise<void> {
  const { data } = await dataOf(createAdminClient(options, environment).GET('/admin/limits'));
  if (options.json) return print(JSON.stringify(data));
  if (data.length === 0)
    return print('No limits are configured, and no provider has announced a limit that is nearly reached.');
  const rows = data.map(({ scope, limit, value, used, source, in_force: isInForce, learned_at: at }) => [
    scope,
    limit,
    String(value),
    used === null ? '' : String(used),
    isInForce ? source : `${source}, not in force`,
    at === undefined ? '' : at.slice(0, 19).replace('T', ' '),
  ]);
  print(formatTable(['SCOPE', 'LIMIT', 'VALUE', 'USED', 'SOURCE', 'LEARNED (UTC)'], rows));
}
