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
  ${EXIT_CODES.done}    success; with --watch or download: every line succeeded
  ${EXIT_CODES.refused}    the server refused the request or could not be reached
  ${EXIT_CODES.input}    the input or an argument is invalid; nothing was uploaded
  ${EXIT_CODES.incomplete}    the batch ended with failed lines, or it failed, expired or was cancelled
  ${EXIT_CODES.interrupted}  interrupted by Ctrl-C; the batch keeps running`;

type Common = ConnectionOptions & { json: boolean };

export function batchCommand(environmentFor: () => Environment): Command {
  const batch = new Command('batch')
    .description('run many requests as a batch, on any server with OpenAI’s Batch API')
    .addHelpText('after', EXIT_CODE_HELP);
  const connect = (options: ConnectionOptions) => () => resolveConnection(options, environmentFor());
  const client = (options: ConnectionOptions): BatchClient => createBatchClient(connect(options)());

  common(batch.command('submit'))
    .argument('[file]', 'batch file: one {custom_id, method, url, body} per line')
    .description('check an input file, upload it and start a batch')
    .option('-m, --model <name>', 'model of every line; required with --prompts')
    .option(
      '-e, --endpoint <path>',
      'endpoint of all lines (default: that of the first line; for prompts /v1/chat/completions)',
    )
    .option('-p, --prompts <file>', 'plain prompts instead of a batch file: .txt (one per line), .csv, .jsonl')
    .option(
      '-t, --template <text>',
      'prompt template with {column} placeholders (default: {prompt}, or the only column)',
    )
    .option('-s, --system <text>', 'system prompt of every request')
    .option('--id-column <name>', 'column with the id of each row (default: line-<number>)')
    .option('--body <json>', 'more parameters for every request, such as \'{"temperature":0}\'')
    .option('--keep <file>', 'save the batch file that is made from the prompts')
    .addOption(windowOption().default('24h'))
    .option('--metadata <key=value>', 'metadata of the batch (repeatable)', metadata, {})
    .option('-w, --watch', 'follow the batch until it has ended', false)
    .option('--dry-run', 'only check the input', false)
    .action((file: string | undefined, options: Common & SubmitFlags) =>
      run(() => submit(connect(options), { ...options, ...(file === undefined ? {} : { file }) })),
    );

  common(batch.command('watch'))
    .argument('<batch-id>')
    .description('follow a batch until it has ended; Ctrl-C leaves it running')
    .action((batchId: string, options: Common) =>
      run(async () => {
        onInterrupt(resumeHint(batchId));
        return showEnd(await watchBatch(client(options), batchId), options.json);
      }),
    );

  common(batch.command('list'))
    .description('list batches, newest first')
    .option('-n, --limit <n>', 'number of batches', wholeNumber, DEFAULT_LIST_LIMIT)
    .action((options: Common & { limit: number }) =>
      run(async () => {
        const batches = await client(options).list(options.limit);
        print(options.json ? JSON.stringify(batches) : batches.length === 0 ? 'No batches.' : batchTable(batches));
        return EXIT_CODES.done;
      }),
    );

  common(batch.command('download'))
    .argument('<batch-id>')
    .description('write the results to files; resumes an interrupted download')
    .option('-o, --output <file>', 'file for the results (default: <batch-id>_output.jsonl)')
    .option('--errors <file>', 'file for the failed lines (default: <batch-id>_errors.jsonl)')
    .option(
      '--join [file]',
      'write one file in input order, each line with its request (default: the server’s copy of the input)',
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
    .description('start a new batch with the lines that did not succeed')
    .option('--input <file>', 'the original input, if the server no longer has it')
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
    .option('--api-key <key>', 'default: SLUICE_API_KEY, the key of the local Sluice, OPENAI_API_KEY')
    .option('--json', 'machine-readable', false);
}

function windowOption(): Option {
  return new Option('--window <time>', 'completion window; OpenAI accepts only 24h, Sluice 1m to 7d');
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
    throw new CommandError('refused', `${batchId} has already ended; details:   sluice batch watch ${batchId}`);
  }
  print(json ? JSON.stringify(batch) : `${batchId} is ${batch.status}`);
  return EXIT_CODES.done;
}

function metadata(pair: string, before: Record<string, string>): Record<string, string> {
  const equals = pair.indexOf('=');
  if (equals <= 0) throw new InvalidArgumentError('must be key=value.');
  return { ...before, [pair.slice(0, equals)]: pair.slice(equals + 1) };
}
