// Reads output and error files, and joins results with their requests in the order of the input.
import { open } from 'node:fs/promises';
import { CommandError } from './exit-codes.ts';
import {
  appendLine,
  createFaultList,
  formatFaults,
  isObject,
  type JsonObject,
  type Line,
  type LineSink,
  readLines,
  readObject,
} from './line-files.ts';

export interface ResultLine {
  customId: string;
  object: JsonObject;
  raw: Line;
}

/** Throws a CommandError at a line that is not a result: what follows cannot be trusted either. */
export async function* readResults(path: string): AsyncGenerator<ResultLine> {
  for await (const raw of readLines(path)) {
    const faults = createFaultList();
    const object = readObject(raw, faults);
    if (object === null) throw new CommandError('refused', formatFaults(path, faults));
    if (typeof object.custom_id === 'string') yield { customId: object.custom_id, object, raw };
  }
}

/**
 * Success is read from the status too: a line that the endpoint refused has `error: null`
 * (github.com/openai/openai-openapi#302).
 */
export function hasSucceeded({ error, response }: JsonObject): boolean {
  if (error !== null && error !== undefined) return false;
  return isObject(response) && typeof response.status_code === 'number' && response.status_code < 300;
}

export interface JoinCounts {
  joined: number;
  /** Input lines without a result: not run, or not yet. */
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
 * and `error.code` is `result_missing`. Memory grows by about 200 bytes per line, independent of the size of the answers.
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
