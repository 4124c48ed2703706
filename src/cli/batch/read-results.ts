// Lines of output and error files, and what became of a line.
import { isObject, type JsonObject, readObject } from './check-line.ts';
import { CommandError } from './exit-codes.ts';
import { createFaultList, formatFaults } from './faults.ts';
import { type Line, readLines } from './read-lines.ts';

export interface ResultLine {
  customId: string;
  object: JsonObject;
  raw: Line;
}

/** Throws a CommandError at a line that is no result: what comes after it cannot be trusted either. */
export async function* readResults(path: string): AsyncGenerator<ResultLine> {
  for await (const raw of readLines(path)) {
    const faults = createFaultList();
    const object = readObject(raw, faults);
    if (object === null) throw new CommandError('refused', formatFaults(path, faults));
    if (typeof object.custom_id === 'string') yield { customId: object.custom_id, object, raw };
  }
}

/**
 * Failure is read from the status: a line that the endpoint refused has `error: null`
 * (github.com/openai/openai-openapi#302).
 */
export function hasSucceeded({ error, response }: JsonObject): boolean {
  if (error !== null && error !== undefined) return false;
  return isObject(response) && typeof response.status_code === 'number' && response.status_code < 300;
}
