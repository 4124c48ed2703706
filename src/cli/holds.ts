// `sluice hold|release|holds`: takes a provider, a deployment or a credential out of service and puts it back.
import { Command } from 'commander';
import type { Environment } from '../config/environment.ts';
import { type AdminOptions, createAdminClient, dataOf } from './admin-client.ts';
import { adminArguments } from './arguments.ts';
import { formatTable, print } from './terminal.ts';

interface HoldOptions extends AdminOptions {
  deployment: boolean;
  credential: boolean;
  reason?: string;
  json: boolean;
}

export function holdCommands(environment: () => Environment): Command[] {
  const command = (name: string, description: string) => adminArguments(new Command(name).description(description));
  return [
    command(
      'hold',
      'send no new requests to a provider until it is released; requests in flight finish, waiting requests keep waiting or use a fallback',
    )
      .argument('<name>', 'name of a provider')
      .option('-d, --deployment', 'the name is a deployment, such as openai/gpt-4o', false)
      .option('-c, --credential', 'the name is a credential, such as openai/main', false)
      .option('-r, --reason <text>', 'shown by `sluice holds`')
      .action((name: string, options: HoldOptions) => hold(environment(), name, options)),
    command('release', 'release a hold; waiting requests run as fast as the limits allow')
      .argument('<name>', 'as shown by `sluice holds`')
      .action((name: string, options: HoldOptions) => release(environment(), name, options)),
    command('holds', 'list holds with reason and time').action((options: HoldOptions) => list(environment(), options)),
  ];
}

async function hold(environment: Environment, name: string, options: HoldOptions): Promise<void> {
  const { deployment, credential, reason, json } = options;
  const kind = credential ? 'credential' : deployment ? 'deployment' : 'provider';
  const body = { [kind]: name, ...(reason === undefined ? {} : { reason }) };
  const made = await dataOf(createAdminClient(options, environment).POST('/admin/holds', { body }));
  print(json ? JSON.stringify(made) : `${made.name} is held: after half a second it receives no new requests.`);
}

async function release(environment: Environment, name: string, options: HoldOptions): Promise<void> {
  const client = createAdminClient(options, environment);
  const released = await dataOf(client.DELETE('/admin/holds/{name}', { params: { path: { name } } }));
  print(options.json ? JSON.stringify(released) : `${released.name} has been released.`);
}

async function list(environment: Environment, options: HoldOptions): Promise<void> {
  const { data } = await dataOf(createAdminClient(options, environment).GET('/admin/holds'));
  if (options.json) return print(JSON.stringify(data));
  if (data.length === 0) return print('Nothing is held.');
  const rows = data.map(({ name, reason, since }) => [name, since.slice(0, 19).replace('T', ' '), reason]);
  print(formatTable(['NAME', 'SINCE (UTC)', 'REASON'], rows));
}
