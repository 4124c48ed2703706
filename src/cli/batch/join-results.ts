// Results in the order of their input, each with its request: servers write them as they finish. The results' files are
// read twice: once for where each line stands, once line by line as the input asks for them.
import { open } from 'node:fs/promises';
import { readObject } from './check-line.ts';
import { createFaultList } from './faults.ts';
import { appendLine, type LineSink } from './line-sink.ts';
import { readLines } from './read-lines.ts';
import { readResults } from './read-results.ts';

export interface JoinCounts {
  joined: number;
  /** Lines of the input that no result speaks of: not run, or still to run. */
  missing: number;
}

interface Result {
  response?: unknown;
  error?: unknown;
}

interface Place {
  file: number;
  offset: number;
  bytes: number;
}

/**
 * Writes one line per line of the input: `{custom_id, request, response, error}`; without a result, `response` is null
 * and `error.code` is `result_missing`. Memory grows by about 200 bytes per line, whatever the answers' size.
 */
export async function joinResults(
  inputPath: string,
  resultPaths: readonly string[],
  sink: LineSink,
): Promise<JoinCounts> {
  const places = await findPlaces(resultPaths);
  const files = await Promise.all(resultPaths.map((path) => open(path)));
  const counts: JoinCounts = { joined: 0, missing: 0 };
  const read = async ({ file, offset, bytes }: Place) => {
    const { buffer } = await files[file]!.read(Buffer.allocUnsafe(bytes), 0, bytes, offset);
    return JSON.parse(buffer.toString()) as Result;
  };
  try {
    for await (const line of readLines(inputPath)) {
      const input = readObject(line, createFaultList());
      if (typeof input?.custom_id !== 'string') continue;
      const place = places.get(input.custom_id);
      const result = place === undefined ? MISSING : await read(place);
      counts[place === undefined ? 'missing' : 'joined'] += 1;
      const { response = null, error = null } = result;
      await appendLine(sink, JSON.stringify({ custom_id: input.custom_id, request: input.body, response, error }));
    }
    return counts;
  } finally {
    await Promise.all(files.map((file) => file.close()));
  }
}

const MISSING: Result = { error: { code: 'result_missing', message: 'The batch has no result for this line.' } };

async function findPlaces(paths: readonly string[]): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  for (const [file, path] of paths.entries()) {
    for await (const { customId, raw } of readResults(path)) {
      places.set(customId, { file, offset: raw.offset, bytes: raw.bytes.length });
    }
  }
  return places;
}
