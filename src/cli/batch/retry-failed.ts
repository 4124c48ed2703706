// `sluice batch retry-failed`: creates a new batch from the lines of an old one that did not succeed: refused by the endpoint,
// expired, cancelled or never run.
import { formatCount } from '../terminal.ts';
import { createBatchClient } from './batch-client.ts';
import { type BatchObject, hasEnded, say } from './batch-object.ts';
import { downloadFile } from './download.ts';
import { CommandError, EXIT_CODES, onInterrupt } from './exit-codes.ts';
import { appendLine, createFaultList, openLineSink, readLines, readObject, temporaryFile } from './line-files.ts';
import { hasSucceeded, readResults } from './results.ts';
import type { Connection } from './server-call.ts';
import { follow, upload } from './submit.ts';

export interface RetryOptions {
  /** The old batch's input, for servers that do not return it. */
  input?: string;
  /** Default: the old batch's. */
  window?: string;
  watch: boolean;
  json: boolean;
}

/** Returns the exit code. The new batch has the old one's metadata, and its id as `retry_of`. */
export async function retryFailed(connect: () => Connection, batchId: string, options: RetryOptions): Promise<number> {
  const interrupt = onInterrupt('Stopped. Nothing was submitted.');
  const client = createBatchClient(connect());
  const old = await client.retrieve(batchId);
  refuseUnfit(old);
  const inputPath = options.input ?? temporaryFile('old-input.jsonl');
  if (options.input === undefined) await downloadFile(client, old.input_file_id, inputPath).catch(explainMissingInput);
  const done = await readSucceeded(client, old);
  const path = temporaryFile('retry.jsonl');
  const lines = await writeRest(inputPath, done, path);
  if (lines === 0) {
    say(`Every line of ${batchId} succeeded; there is nothing to retry.`);
    return EXIT_CODES.done;
  }
  say(`${formatCount(lines)} lines will be submitted again`);
  const fileId = await upload(client, { path, name: `retry-of-${batchId}.jsonl` });
  interrupt.explain('Stopped while the batch was being created; `sluice batch list` shows whether it exists.');
  const created = await client.create({
    input_file_id: fileId,
    endpoint: old.endpoint,
    completion_window: options.window ?? old.completion_window ?? '24h',
    metadata: { ...old.metadata, retry_of: batchId },
  });
  return follow(client, created, options, interrupt.explain);
}

function refuseUnfit(batch: BatchObject): void {
  if (!hasEnded(batch)) {
    throw new CommandError(
      'refused',
      `${batch.id} is ${batch.status}; wait until it has ended:   sluice batch watch ${batch.id}`,
    );
  }
  if (batch.status === 'failed') {
    throw new CommandError(
      'input',
      `${batch.id} failed because its input was refused; correct the input and submit it (\`sluice batch watch ${batch.id}\` shows what was wrong)`,
    );
  }
}

function explainMissingInput(error: Error): never {
  throw new CommandError(
    'refused',
    `the server does not return the original input: ${error.message}; pass it with --input FILE`,
  );
}

/** The custom_ids of lines that succeeded. */
async function readSucceeded(client: ReturnType<typeof createBatchClient>, batch: BatchObject): Promise<Set<string>> {
  const ids = new Set<string>();
  if (!batch.output_file_id) return ids;
  const path = temporaryFile('old-output.jsonl');
  await downloadFile(client, batch.output_file_id, path);
  for await (const { customId, object } of readResults(path)) if (hasSucceeded(object)) ids.add(customId);
  return ids;
}

/** Copies the other lines to `path` unchanged; returns how many. */
async function writeRest(inputPath: string, done: ReadonlySet<string>, path: string): Promise<number> {
  const sink = openLineSink(path);
  let lines = 0;
  for await (const line of readLines(inputPath)) {
    const customId = readObject(line, createFaultList())?.custom_id;
    if (typeof customId !== 'string' || done.has(customId)) continue;
    await appendLine(sink, line.bytes);
    lines += 1;
  }
  await sink.close();
  return lines;
}
