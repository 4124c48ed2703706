// `sluice batch download`: the results, as the server wrote them or joined to their requests in input order. A file is
// streamed and resumed where it stopped, within one run and across runs: its beginning is in `<path>.<file id>.part`, and
// the final name appears only when the file is complete.
import { mkdir, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import { formatBytes, formatCount, print } from '../terminal.ts';
import type { BatchClient } from './batch-client.ts';
import { type BatchObject, endingOf, hasEnded, say } from './batch-object.ts';
import { CommandError, EXIT_CODES, onInterrupt } from './exit-codes.ts';
import { openLineSink, temporaryFile } from './line-files.ts';
import { joinResults } from './results.ts';
import { startProgress } from './terminal-progress.ts';

export interface DownloadOptions {
  /** Default: `<batch id>_output.jsonl`. */
  output?: string;
  /** Default: `<batch id>_errors.jsonl`. */
  errors?: string;
  /** The input to join with; `true` for the server's copy of it. */
  join?: string | true;
  json: boolean;
}

interface Downloaded {
  path: string;
  bytes: number;
}

/** Returns the exit code of the batch, so that a script notices failed lines. */
export async function download(client: BatchClient, batchId: string, options: DownloadOptions): Promise<number> {
  onInterrupt('Stopped. Run the same command again to resume.');
  const batch = await client.retrieve(batchId);
  const { output_file_id: outputId, error_file_id: errorId } = batch;
  if (!outputId && !errorId) throw nothingThere(batch);
  const outputPath = options.output ?? `${batchId}_output.jsonl`;
  const fetchTo = async (fileId: string | null | undefined, path: string): Promise<Downloaded | null> =>
    fileId ? { path, bytes: await downloadFile(client, fileId, path) } : null;
  // With `--join` both files are intermediate: their content ends up in one file.
  const isJoined = options.join !== undefined;
  const output = await fetchTo(outputId, isJoined ? `${outputPath}.results` : outputPath);
  const errors = await fetchTo(
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
      `${batch.id} is ${batch.status} and has no results yet. Watch it:   sluice batch watch ${batch.id}`,
    );
  }
  return new CommandError('incomplete', `${batch.id} has ended (${batch.status}) without any result`);
}

const TRIES = 8;
const FIRST_WAIT_MS = 500;

/** Returns the size of the file in bytes. An existing file at `path` is replaced. */
export async function downloadFile(client: BatchClient, fileId: string, path: string): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  const partPath = `${path}.${fileId}.part`;
  const described = (await client.describeFile(fileId))?.bytes ?? null;
  const progress = startProgress(path);
  try {
    for (let tryNumber = 1; ; tryNumber++) {
      const end = await fetchRest(client, fileId, partPath, described, progress.update).catch((error: Error) => error);
      if (!(end instanceof Error)) break;
      // A refusal is final; after a broken connection the download is resumed.
      if (end instanceof CommandError || tryNumber >= TRIES) throw explain(end, path);
      progress.say(`the download was interrupted (${end.message}); resuming`);
      await sleep(FIRST_WAIT_MS * 2 ** (tryNumber - 1));
    }
  } finally {
    progress.end();
  }
  await rename(partPath, path);
  return sizeOf(path);
}

/** Appends the missing bytes to the part file. Rejects if the connection breaks or bytes are still missing at the end. */
async function fetchRest(
  client: BatchClient,
  fileId: string,
  partPath: string,
  described: number | null,
  onProgress: (done: number, total: number, note: string) => void,
): Promise<void> {
  const have = await sizeOf(partPath);
  if (have > 0 && have === described) return;
  const answer = await client.openContent(fileId, have);
  if (answer.statusCode === 416) {
    await answer.body.dump();
    // The part file reaches the end already: it is complete, unless it is too long.
    if (described === null || have === described) return;
    await rm(partPath);
    throw new Error(`${have} bytes were on disk for a file of ${described}`);
  }
  // A server that does not support ranges sends the whole file again.
  const from = answer.statusCode === 206 ? have : 0;
  const total = described ?? expectedBytes(answer, from);
  let done = from;
  // Not a write stream: when the connection breaks, that would drop what it has not written yet.
  const file = await open(partPath, from > 0 ? 'a' : 'w');
  try {
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      await file.writeFile(piece);
      done += piece.length;
      onProgress(done, total ?? done, formatBytes(done));
    }
  } finally {
    await file.close();
  }
  if (total !== null && done !== total) throw new Error(`${done} of ${total} bytes were received`);
}

function expectedBytes({ headers }: Dispatcher.ResponseData, from: number): number | null {
  const length = headers['content-length'];
  return length === undefined ? null : from + Number(length);
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function explain(error: Error, path: string): Error {
  if (error instanceof CommandError) return error;
  return new CommandError(
    'refused',
    `${path} could not be downloaded completely (${error.message}); run the same command again to resume`,
  );
}
