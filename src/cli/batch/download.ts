// `sluice batch download`: the results, as the server wrote them or joined to their requests in input order.
import { unlink } from 'node:fs/promises';
import { print } from '../terminal.ts';
import type { BatchClient } from './batch-client.ts';
import { type BatchObject, hasEnded } from './batch-object.ts';
import { downloadFile } from './download-file.ts';
import { CommandError, EXIT_CODES } from './exit-codes.ts';
import { formatBytes, formatCount } from './figures.ts';
import { onInterrupt } from './interrupt.ts';
import { joinResults } from './join-results.ts';
import { openLineSink } from './line-sink.ts';
import { endingOf, say } from './show.ts';
import { temporaryFile } from './temporary-file.ts';

export interface DownloadOptions {
  /** Default: `<batch id>_output.jsonl`. */
  output?: string;
  /** Default: `<batch id>_errors.jsonl`. */
  errors?: string;
  /** The input to join with; `true` for the server's own copy of it. */
  join?: string | true;
  json: boolean;
}

interface Downloaded {
  path: string;
  bytes: number;
}

/** Exit code: that of the batch, so that a script sees failed lines. */
export async function download(client: BatchClient, batchId: string, options: DownloadOptions): Promise<number> {
  onInterrupt('Stopped. The same command goes on where this one stopped.');
  const batch = await client.retrieve(batchId);
  const { output_file_id: outputId, error_file_id: errorId } = batch;
  if (!outputId && !errorId) throw nothingThere(batch);
  const outputPath = options.output ?? `${batchId}_output.jsonl`;
  const take = async (fileId: string | null | undefined, path: string): Promise<Downloaded | null> =>
    fileId ? { path, bytes: await downloadFile(client, fileId, path) } : null;
  // Joined, both kinds of result end up in one file; theirs are only on the way to it.
  const isJoined = options.join !== undefined;
  const output = await take(outputId, isJoined ? `${outputPath}.results` : outputPath);
  const errors = await take(
    errorId,
    isJoined ? `${outputPath}.failures` : (options.errors ?? `${batchId}_errors.jsonl`),
  );
  const files = [output, errors].filter((file) => file !== null);
  if (options.join !== undefined) await join(client, batch, options.join, outputPath, files);
  else for (const { path, bytes } of files) say(`${path}: ${formatBytes(bytes)}`);
  if (options.json) print(JSON.stringify(describe(batch, isJoined ? outputPath : null, output, errors)));
  return hasEnded(batch) ? endingOf(batch) : EXIT_CODES.done;
}

async function join(
  client: BatchClient,
  batch: BatchObject,
  input: string | true,
  path: string,
  results: readonly Downloaded[],
): Promise<void> {
  const inputPath = input === true ? temporaryFile('input.jsonl') : input;
  if (input === true) await downloadFile(client, batch.input_file_id, inputPath);
  const sink = openLineSink(path);
  const paths = results.map((file) => file.path);
  const { joined, missing } = await joinResults(inputPath, paths, sink);
  await sink.close();
  await Promise.all(paths.map((file) => unlink(file)));
  say(
    `${path}: ${formatCount(joined)} lines in input order${missing === 0 ? '' : `, ${formatCount(missing)} without a result`}`,
  );
}

function describe(batch: BatchObject, joined: string | null, output: Downloaded | null, errors: Downloaded | null) {
  const { id, status } = batch;
  if (joined !== null) return { id, status, output: joined, errors: null };
  return { id, status, output: output?.path ?? null, errors: errors?.path ?? null };
}

function nothingThere(batch: BatchObject): CommandError {
  if (!hasEnded(batch)) {
    return new CommandError(
      'refused',
      `${batch.id} is ${batch.status} and has no results yet:   sluice batch watch ${batch.id}`,
    );
  }
  return new CommandError('incomplete', `${batch.id} has ended (${batch.status}) without any result`);
}
