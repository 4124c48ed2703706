// The command `sluice` with its subcommands. Those that are more than a process to run have a file of their own.
import { Command, Help, Option } from 'commander';
import { type Environment, readEnvironment } from '../config/environment.ts';
import { loadRuntime } from '../config/runtime.ts';
import { migrateDatabase } from '../storage/database.ts';
import { makePartitions } from '../storage/ledger-partitions.ts';
import { accountsCommand } from './accounts.ts';
import { alertsCommand } from './alerts.ts';
import { type HealthOptions, healthArguments, list, processCount, wholeNumber } from './arguments.ts';
import { batchCommand } from './batch.ts';
import { check } from './check.ts';
import { compileCache, runProcess } from './child-processes.ts';
import { costsCommand } from './costs.ts';
import { deadLettersCommand } from './dead-letters.ts';
import { doctor } from './doctor.ts';
import { holdCommands } from './holds.ts';
import { importCommand } from './import.ts';
import { loadInspected } from './inspected-runtime.ts';
import { keyCommands } from './keys.ts';
import { ledgerCommand } from './ledger.ts';
import { limitsCommand } from './limits.ts';
import { operatorCommands } from './operators.ts';
import { pricesCommand } from './prices.ts';
import { reconcileCommand } from './reconcile.ts';
import { requestCommands } from './requests.ts';
import { planStart } from './start/plan-start.ts';
import { PLAN_ONLY, supervise } from './start/supervise.ts';
import { print } from './terminal.ts';
import { webhooksCommand } from './webhooks.ts';

/** Without its version; `parseAsync` runs a command. */
export const program = new Command('sluice')
  .description('A durable request broker for large language models: one API in front of all providers.')
  .option('-c, --config <file>', 'configuration file (default: SLUICE_CONFIG, else sluice.yaml if there is one)');

const configOf = () => program.opts<{ config?: string }>().config;

/** Arguments that stand in for environment variables. */
interface Place {
  host?: string;
  port?: number;
  data?: string;
}

interface StartFlags {
  verbose: boolean;
  planOnly: boolean;
}

interface Tiers {
  processes?: number;
  api?: number;
  workers?: number;
}

/** What every command needs first; faults of the environment are reported like those of the configuration. */
function environmentFor({ host, port, data }: Place = {}): Environment {
  const environment = readEnvironment({
    ...readEnvironment().variables,
    ...(host === undefined ? {} : { HOST: host }),
    ...(port === undefined ? {} : { PORT: String(port) }),
    ...(data === undefined ? {} : { SLUICE_DATA: data }),
  });
  return { ...environment, configPath: configOf() ?? environment.configPath };
}

function childVariables(environment: Environment): Record<string, string | undefined> {
  return {
    ...environment.variables,
    ...compileCache(environment),
    ...(environment.configPath === undefined ? {} : { SLUICE_CONFIG: environment.configPath }),
  };
}

program
  .command('start')
  .description(
    'run everything on this machine: API and workers, with embedded Redis, SQLite and the simulator unless others are configured',
  )
  .option('--host <address>', 'address to listen on (default: HOST, else server.host)')
  .option('--port <port>', 'port to listen on (default: PORT, else server.port)', wholeNumber)
  .option('--data <directory>', 'directory for keys, logs, Redis and SQLite (default: SLUICE_DATA, else .sluice)')
  .addOption(
    new Option(
      '--processes <count>',
      'combined API and worker processes (default: one, and up to one per core when they are busy)',
    )
      .argParser(processCount)
      .conflicts(['api', 'workers']),
  )
  .option('--api <count>', 'separate API processes (default: half of the cores)', processCount)
  .option('--workers <count>', 'separate worker processes (default: half of the cores)', processCount)
  .option('-v, --verbose', 'log to the terminal instead of files', false)
  .addOption(new Option(PLAN_ONLY, 'for a supervising process').default(false).hideHelp())
  .action(async ({ verbose, planOnly, api, workers, processes, ...place }: Place & Tiers & StartFlags) => {
    const counts = { processes, apis: api, workers };
    const plan = await planStart({ config: configOf(), verbose, ...counts }, environmentFor(place));
    if (!planOnly || process.send === undefined) return supervise(plan);
    process.send(plan);
    process.disconnect();
  });

program
  .command('api')
  .description('run an API process')
  .action(() => runProcess('src/main.ts', [], childVariables(environmentFor())));

interface WorkerFlags extends HealthOptions {
  provider?: string[];
  ledger: boolean;
  batches: boolean;
  webhooks: boolean;
}

/** What every process that is a worker does, alone or together with an API. */
function workerCommand(command: Command, entry: string): void {
  command
    .option('-p, --provider <name>', 'serve only this provider (repeatable; default: all)', list)
    .option('--no-ledger', 'do not write the ledger in this process')
    .option('--no-batches', 'do not run batches in this process')
    .option('--no-webhooks', 'do not deliver webhooks in this process')
    .option('--health-port <port>', 'serve /healthz and /metrics on this port', wholeNumber)
    .option('--health-host <address>', 'address for the health port (default: loopback)')
    .action((options: WorkerFlags) => {
      const args = [
        ...(options.provider ?? []).flatMap((name) => ['--provider', name]),
        ...(options.ledger ? [] : ['--no-ledger']),
        ...(options.batches ? [] : ['--no-batches']),
        ...(options.webhooks ? [] : ['--no-webhooks']),
        ...healthArguments(options),
      ];
      return runProcess(entry, args, childVariables(environmentFor()));
    });
}

workerCommand(
  program
    .command('worker')
    .description('run a worker process; several of them share the load, also on several machines'),
  'workers/inference.ts',
);

workerCommand(
  program
    .command('combined')
    .description(
      'run a combined API and worker process: needs less CPU per request and less memory than separate ones',
    ),
  'workers/combined.ts',
);

program
  .command('batches')
  .description('run a process that only runs batches; by default workers do (see sluice worker --no-batches)')
  .option('--health-port <port>', 'serve /healthz and /metrics on this port', wholeNumber)
  .option('--health-host <address>', 'address for the health port (default: loopback)')
  .action((options: HealthOptions) =>
    runProcess('workers/batches.ts', healthArguments(options), childVariables(environmentFor())),
  );

program
  .command('migrate')
  .description('apply database migrations and exit; every process does this at startup')
  .action(async () => {
    const { databaseUrl, replyShards } = loadRuntime(configOf(), environmentFor());
    const applied = await migrateDatabase(databaseUrl);
    await makePartitions(databaseUrl, replyShards);
    for (const name of applied) print(name);
    print(applied.length === 0 ? 'The database is up to date.' : `${applied.length} migrations were applied.`);
  });

program
  .command('simulate')
  .description('run the simulator: a provider that produces errors, delays and limits on command')
  .allowUnknownOption()
  .allowExcessArguments()
  .helpOption(false)
  .action((_options, command: Command) =>
    runProcess('simulator/src/simulate.ts', command.args, childVariables(environmentFor())),
  );

program
  .command('check')
  .description('validate the configuration and report every error with file and line')
  .option('--json', 'machine-readable', false)
  .action((options: { json: boolean }) => process.exit(check({ config: configOf(), ...options }, environmentFor())));

importCommand(program.command('import'));

const runtime = () => loadInspected(configOf(), environmentFor());

program
  .command('doctor')
  .description('inspect a running installation and suggest changes; exit code 1 for warnings, 2 for errors')
  .option('--json', 'machine-readable', false)
  .action(async (options: { json: boolean }) => process.exit(await doctor(options, runtime)));

keyCommands(program.command('keys').description('manage client keys'), runtime);
costsCommand(program.command('costs').description('report spending from the ledger'), runtime);
reconcileCommand(program.command('reconcile'), runtime);
program.addCommand(pricesCommand(runtime));
program.addCommand(alertsCommand(environmentFor));
program.addCommand(batchCommand(() => environmentFor()));
program.addCommand(deadLettersCommand(environmentFor));
program.addCommand(ledgerCommand(environmentFor));
program.addCommand(accountsCommand(environmentFor));
for (const command of operatorCommands(environmentFor)) program.addCommand(command);
program.addCommand(limitsCommand(environmentFor));
for (const command of requestCommands(environmentFor)) program.addCommand(command);
for (const command of holdCommands(environmentFor)) program.addCommand(command);
program.addCommand(
  webhooksCommand({
    runtime,
    environment: environmentFor,
    childVariables,
  }),
);

/** Commands that were made elsewhere have no settings of this one. `--config` is an option of all: their help shows it too. */
function explain(command: Command, before = ''): void {
  const name = `${before}${command.name()}`;
  command
    // The whole help would push the error out of sight.
    .showHelpAfterError(`Usage: ${name} ${command.usage()}\nSee ${name} --help.`)
    .configureHelp({
      showGlobalOptions: true,
      optionDescription: (option) => withoutDefault(option, Help.prototype.optionDescription.call(null, option)),
    });
  for (const one of command.commands) explain(one, `${name} `);
}

/** That a flag is off, and a list empty, unless it is given, needs no words. */
function withoutDefault({ defaultValue }: Option, text: string): string {
  const isEmpty = typeof defaultValue === 'object' && Object.keys(defaultValue).length === 0;
  return defaultValue === false || isEmpty ? text.replace(/ \(default: (false|\{\})\)$/, '') : text;
}

explain(program);
