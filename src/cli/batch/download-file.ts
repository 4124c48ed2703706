// A file of the server's to a file of ours: streamed, and continued where it stopped, within one run and across runs.
// What is there so far stands in `<path>.<file id>.part`; the name appears only when the file is whole.
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Dispatcher } from 'undici';
import type { BatchClient } from './batch-client.ts';
import { CommandError } from './exit-codes.ts';
import { formatBytes } from './figures.ts';
import { startProgress } from './terminal-progress.ts';

const TRIES = 8;
const FIRST_WAIT_MS = 500;

/** Bytes of the whole file. A file that is there under `path` is replaced. */
export async function downloadFile(client: BatchClient, fileId: string, path: string): Promise<number> {
  await mkdir(dirname(path), { recursive: true });
  const partPath = `${path}.${fileId}.part`;
  const described = (await client.describeFile(fileId))?.bytes ?? null;
  const progress = startProgress(path);
  try {
    for (let tryNumber = 1; ; tryNumber++) {
      const end = await takeMore(client, fileId, partPath, described, progress.update).catch((error: Error) => error);
      if (!(end instanceof Error)) break;
      // A refusal stands; a broken connection is no reason to begin anew.
      if (end instanceof CommandError || tryNumber >= TRIES) throw explain(end, path);
      progress.say(`the download broke off (${end.message}); going on`);
      await sleep(FIRST_WAIT_MS * 2 ** (tryNumber - 1));
    }
  } finally {
    progress.end();
  }
  await rename(partPath, path);
  return sizeOf(path);
}

/** Appends to the part file what it lacks. Rejects when the connection broke or bytes are missing in the end. */
async function takeMore(
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
    // Asked for what lies behind the end: all of it is there already, unless there is too much.
    if (described === null || have === described) return;
    await rm(partPath);
    throw new Error(`${have} bytes were there of a file of ${described}`);
  }
  // A server without ranges sends everything again.
  const from = answer.statusCode === 206 ? have : 0;
  const total = described ?? expectedBytes(answer, from);
  let done = from;
  // Not a stream: when the connection breaks, a stream drops what it has not yet written.
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
  if (total !== null && done !== total) throw new Error(`${done} of ${total} bytes came`);
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
    `${path} could not be downloaded whole (${error.message}); the same command goes on where this one stopped`,
  );
}
