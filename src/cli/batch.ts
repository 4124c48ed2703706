// `sluice batch`: high-volume batches from the command line, for Sluice and any other server with OpenAI's Batch API. This
// file only reads arguments; the commands are in src/cli/batch/.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Environment } from '../config/environment.ts';
import { wholeNumber } from './arguments.ts';
import { type BatchClient, createBatchClient } from './batch/batch-client.ts';
import { batchTable, say, showEnd } from './batch/batch-object.ts';
import { type DownloadOptions, download } from './batch/download.ts';
import { CommandError, EXIT_CODES, onInterrupt } from './batch/exit-codes.ts';
import { type RetryOptions, retryFailed } from './batch/retry-failed.ts';
import { type ConnectionOptions, resolveConnection } from './batch/server-call.ts';
import { type InputRequest, resumeHint, submit } from './batch/submit.ts';
import { watchBatch } from './batch/watch-batch.ts';
import { print } from './terminal.ts';

const DEFAULT_LIST_LIMIT = 20;

const EXIT_CODE_HELP = `
Exit codes:
  ${EXIT_CODES.done}    success; if a batch was watched or downloaded, every line succeeded
  ${EXIT_CODES.refused}    the server refused, or could not be reached
  ${EXIT_CODES.input}    the input or an argument is wrong; nothing was uploaded
  ${EXIT_CODES.incomplete}    the batch has ended, but lines failed, or it failed, expired or was cancelled
  ${EXIT_CODES.interrupted}  Ctrl-C; the batch keeps running`;

type Common = ConnectionOptions & { json: boolean };

export function batchCommand(environmentFor: () => Environment): Command {
  const batch = new Command('batch')
    .description('run many requests at once, on any server with OpenAI’s Batch API')
    .addHelpText('after', EXIT_CODE_HELP);
  const connect = (options: ConnectionOptions) => () => resolveConnection(options, environmentFor());
  const client = (options: ConnectionOptions): BatchClient => createBatchClient(connect(options)());

  common(batch.command('submit'))
    .argument('[file]', 'batch file: one {custom_id, method, url, body} per line')
    .description('check an input, upload it and start a batch')
    .option('-m, --model <name>', 'the model of every line; needed with --prompts')
    .option(
      '-e, --endpoint <path>',
      'endpoint of all lines (default: that of the first line; for prompts /v1/chat/completions)',
    )
    .option('-p, --prompts <file>', 'plain prompts instead of a batch file: .txt (one per line), .csv, .jsonl')
    .option('-t, --template <text>', 'prompt with {column} for values (default: {prompt}, or the only column)')
    .option('-s, --system <text>', 'system prompt of every request')
    .option('--id-column <name>', 'column with the id of a row (default: line-<number>)')
    .option('--body <json>', 'further members of every request, such as \'{"temperature":0}\'')
    .option('--keep <file>', 'keep the input that is made from prompts')
    .addOption(windowOption().default('24h'))
    .option('--metadata <key=value>', 'kept with the batch (repeatable)', metadata, {})
    .option('-w, --watch', 'follow the batch until it has ended', false)
    .option('--dry-run', 'only check', false)
    .action((file: string | undefined, options: Common & SubmitFlags) =>
      run(() => submit(connect(options), { ...options, ...(file === undefined ? {} : { file }) })),
    );

  common(batch.command('watch'))
    .argument('<batch-id>')
    .description('follow a batch to its end; Ctrl-C leaves it running')
    .action((batchId: string, options: Common) =>
      run(async () => {
        onInterrupt(resumeHint(batchId));
        return showEnd(await watchBatch(client(options), batchId), options.json);
      }),
    );

  common(batch.command('list'))
    .description('batches, newest first')
    .option('-n, --limit <n>', 'how many', wholeNumber, DEFAULT_LIST_LIMIT)
    .action((options: Common & { limit: number }) =>
      run(async () => {
        const batches = await client(options).list(options.limit);
        print(options.json ? JSON.stringify(batches) : batchTable(batches));
        return EXIT_CODES.done;
      }),
    );

  common(batch.command('download'))
    .argument('<batch-id>')
    .description('write the results to files; an interrupted download is resumed')
    .option('-o, --output <file>', 'for the results (default: <batch-id>_output.jsonl)')
    .option('--errors <file>', 'for the failed lines (default: <batch-id>_errors.jsonl)')
    .option(
      '--join [file]',
      'one file in input order, each line with its request (default: the server’s copy of the input)',
    )
    .action((batchId: string, options: Common & DownloadOptions) =>
      run(() => download(client(options), batchId, options)),
    );

  common(batch.command('cancel'))
    .argument('<batch-id>')
    .description('cancel a batch; finished lines are kept and billed')
    .action((batchId: string, options: Common) => run(() => cancel(client(options), batchId, options.json)));

  common(batch.command('retry-failed'))
    .argument('<batch-id>')
    .description('start a new batch of the lines that did not succeed')
    .option('--input <file>', 'the old input, if the server does not return it')
    .addOption(windowOption())
    .option('-w, --watch', 'follow the batch until it has ended', false)
    .action((batchId: string, options: Common & RetryOptions) =>
      run(() => retryFailed(connect(options), batchId, options)),
    );
  return batch;
}

type SubmitFlags = Omit<InputRequest, 'file'> & {
  window: string;
  metadata: Record<string, string>;
  watch: boolean;
  dryRun: boolean;
};

function common(command: Command): Command {
  return command
    .option('--base-url <url>', 'with its version segment (default: SLUICE_BASE_URL, else the local Sluice)')
    .option('--api-key <key>', 'default: SLUICE_API_KEY, the local Sluice’s own, OPENAI_API_KEY')
    .option('--json', 'machine-readable', false);
}

function windowOption(): Option {
  return new Option('--window <time>', 'time within which it must end; OpenAI accepts 24h only, Sluice 1m to 7d');
}

/** Ends the process with the command's exit code; open keep-alive connections would delay it by seconds. */
async function run(command: () => Promise<number>): Promise<never> {
  const code = await command().catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
    say(`sluice: ${error.message}`);
    return EXIT_CODES[error.ending];
  });
  process.exit(code);
}

async function cancel(client: BatchClient, batchId: string, json: boolean): Promise<number> {
  const batch = await client.cancel(batchId);
  if (batch === null) {
    throw new CommandError('refused', `${batchId} has already ended; see how:   sluice batch watch ${batchId}`);
  }
  print(json ? JSON.stringify(batch) : `${batchId} is ${batch.status}`);
  return EXIT_CODES.done;
}

function metadata(pair: string, before: Record<string, string>): Record<string, string> {
  const equals = pair.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('takes key=value.');
  return { ...before, [pair.slice(0, equals)]: pair.slice(equals + 1) };
}
