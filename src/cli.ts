// The command `sluice`. Each subcommand is a file in src/cli/; this one only reads arguments.
import { readFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { batchCommand } from './cli/batch.ts';
import { check } from './cli/check.ts';
import { type CostsOptions, costs } from './cli/costs.ts';
import { deadLettersCommand } from './cli/dead-letters.ts';
import { type HealthOptions, healthArguments } from './cli/health-arguments.ts';
import { holdCommands } from './cli/holds.ts';
import { type CreateKeyOptions, createKey, listKeys, revokeKey } from './cli/keys.ts';
import { ledgerCommand } from './cli/ledger.ts';
import { runProcess } from './cli/run-process.ts';
import { start } from './cli/start.ts';
import { complain } from './cli/terminal.ts';
import { webhooksCommand } from './cli/webhooks.ts';
import { type Environment, readEnvironment } from './config/environment.ts';
import { ConfigurationError } from './config/load.ts';
import { loadRuntime } from './config/runtime.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new InvalidArgumentError('must be a whole number above 0.');
  return value;
}

function weight(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1_000)) throw new InvalidArgumentError('must be a number above 0, up to 1000.');
  return value;
}

const list = (value: string, before: string[] | undefined) => [...(before ?? []), value];

const program = new Command('sluice')
  .description(
    'A durable request broker for large language models: one OpenAI-compatible address in front of any vendor.',
  )
  .version(version)
  .option('-c, --config <file>', 'configuration file (default: SLUICE_CONFIG, else sluice.yaml if there is one)')
  .showHelpAfterError();

const configOf = () => program.opts<{ config?: string }>().config;

/** What every command needs first; faults of the environment are told like those of the configuration. */
function environmentFor(): Environment {
  const environment = readEnvironment();
  return { ...environment, configPath: configOf() ?? environment.configPath };
}

function childVariables(environment: Environment): Record<string, string | undefined> {
  return {
    ...environment.variables,
    ...(environment.configPath === undefined ? {} : { SLUICE_CONFIG: environment.configPath }),
  };
}

program
  .command('start')
  .description('run everything on this machine: API, workers, and what is not configured (Redis, database, simulator)')
  .option('-v, --verbose', 'logs on the terminal, not in files', false)
  .action((options: { verbose: boolean }) => start({ config: configOf(), ...options }, environmentFor()));

program
  .command('api')
  .description('run an API process')
  .action(() => runProcess('src/main.ts', [], childVariables(environmentFor())));

program
  .command('worker')
  .description('run a worker process; several, on several machines, share the load')
  .option('-p, --provider <name>', 'work for this provider only (repeatable; default: all)', list)
  .option('--no-ledger', 'do not write the ledger in this process')
  .option('--no-batches', 'do not run batches in this process')
  .option('--no-webhooks', 'do not deliver webhooks in this process')
  .option('--health-port <port>', 'serve /healthz and /metrics on this port', wholeNumber)
  .option('--health-host <address>', 'and on this address (default: loopback)')
  .action((options: HealthOptions & { provider?: string[]; ledger: boolean; batches: boolean; webhooks: boolean }) =>
    runProcess(
      'workers/inference.ts',
      [
        ...(options.provider ?? []).flatMap((name) => ['--provider', name]),
        ...(options.ledger ? [] : ['--no-ledger']),
        ...(options.batches ? [] : ['--no-batches']),
        ...(options.webhooks ? [] : ['--no-webhooks']),
        ...healthArguments(options),
      ],
      childVariables(environmentFor()),
    ),
  );

program
  .command('simulate')
  .description('run the simulator: an OpenAI-compatible vendor that misbehaves on command')
  .allowUnknownOption()
  .allowExcessArguments()
  .helpOption(false)
  .action((_options, command: Command) =>
    runProcess('src/simulate.ts', command.args, childVariables(environmentFor())),
  );

program
  .command('check')
  .description('validate the configuration: every fault at once, with file and line')
  .option('--json', 'machine-readable', false)
  .action((options: { json: boolean }) => process.exit(check({ config: configOf(), ...options }, environmentFor())));

const keys = program.command('keys').description('client keys');

keys
  .command('create')
  .argument('<name>', 'what or who the key is for')
  .description('make a key; it is shown once')
  .option('--rpm <n>', 'requests per minute', wholeNumber)
  .option('--tpm <n>', 'tokens per minute', wholeNumber)
  .option('--concurrency <n>', 'calls in flight at once', wholeNumber)
  .option('--budget <usd>', 'what the key may spend')
  .option('--budget-period <period>', 'total, month or day')
  .option('--model <name>', 'a model it may use, * as a wildcard (repeatable; default: all)', list)
  .option('--batch-weight <n>', 'its share of the batch lane beside other keys (default: 1)', weight)
  .option('--json', 'machine-readable', false)
  .action((name: string, { model, ...options }: CreateKeyOptions & { model?: string[] }) =>
    createKey(loadRuntime(configOf(), environmentFor()), name, {
      ...options,
      ...(model === undefined ? {} : { models: model }),
    }),
  );

keys
  .command('list')
  .description('all keys, revoked ones too')
  .option('--json', 'machine-readable', false)
  .action((options: { json: boolean }) => listKeys(loadRuntime(configOf(), environmentFor()), options));

keys
  .command('revoke')
  .argument('<id>', 'key_…, from `sluice keys list`')
  .description('make a key useless, at once and for good')
  .action((id: string) => revokeKey(loadRuntime(configOf(), environmentFor()), id));

program
  .command('costs')
  .description('what the ledger says was spent')
  .option('--by <dimensions>', 'day, key, model, provider; several with commas', 'day')
  .option('--from <day>', 'first day, YYYY-MM-DD (UTC)')
  .option('--to <day>', 'last day')
  .option('--key <id>', 'one key only')
  .option('--json', 'machine-readable', false)
  .action((options: CostsOptions) => costs(loadRuntime(configOf(), environmentFor()), options));

program.addCommand(batchCommand(environmentFor));
program.addCommand(deadLettersCommand(environmentFor));
program.addCommand(ledgerCommand(environmentFor));
for (const command of holdCommands(environmentFor)) program.addCommand(command);
program.addCommand(
  webhooksCommand({
    runtime: () => loadRuntime(configOf(), environmentFor()),
    environment: environmentFor,
    childVariables,
  }),
);

program.parseAsync().catch((error: unknown) => {
  complain(error instanceof ConfigurationError ? error.message : `sluice: ${(error as Error).message}`);
  process.exit(1);
});
