// One line of a batch's input against the rules of the Batch API. Pure but for the list of faults.
import { isUtf8 } from 'node:buffer';
import { requiredMembers } from './endpoints.ts';
import type { FaultList } from './faults.ts';
import type { Line } from './read-lines.ts';

export interface InputLine {
  custom_id: string;
  method: string;
  url: string;
  body: Record<string, unknown>;
}

export type JsonObject = Record<string, unknown>;

/** The object on a line, or null after its fault was noted. */
export function readObject(line: Line, faults: FaultList): JsonObject | null {
  const refuse = (message: string) => {
    faults.add(line.number, 'invalid_json_line', message);
    return null;
  };
  if (line.isTooLong) return refuse('is too long; a line holds one request');
  if (!isUtf8(line.bytes)) return refuse('is not UTF-8; save the file as UTF-8');
  if (line.bytes.length === 0) return refuse('is empty');
  let value: unknown;
  try {
    value = JSON.parse(line.bytes.toString());
  } catch (error) {
    return refuse(`is not JSON: ${(error as Error).message}`);
  }
  return isObject(value) ? value : refuse('is not a JSON object');
}

/**
 * Notes every fault of the line; true when there is none.
 * @param endpoint where every line must go, or null while that is not known.
 */
export function checkLine(line: JsonObject, number: number, endpoint: string | null, faults: FaultList): boolean {
  const before = faults.count;
  const fault = (code: string, message: string) => faults.add(number, code, message);
  const { custom_id: customId, method, url, body } = line;
  if (typeof customId !== 'string' || customId === '') fault('invalid_custom_id', 'needs a custom_id: a text');
  if (method !== 'POST') fault('invalid_method', `needs "method": "POST"${shown(method)}`);
  if (typeof url !== 'string') fault('url_mismatch', `needs a url${endpoint === null ? '' : `: "${endpoint}"`}`);
  else if (endpoint !== null && url !== endpoint) {
    fault('url_mismatch', `has the url ${url}, but the batch goes to ${endpoint} (--endpoint chooses)`);
  }
  if (isObject(body)) checkBody(body, typeof url === 'string' ? url : '', fault);
  else fault('invalid_body', 'needs a body: the request as a JSON object');
  return faults.count === before;
}

function checkBody(body: JsonObject, url: string, fault: (code: string, message: string) => void): void {
  if (typeof body.model !== 'string' || body.model === '')
    fault('model_missing', 'its body needs a model (or --model)');
  if (body.stream === true) fault('stream_unsupported', 'its body says "stream": true; a batch does not stream');
  for (const member of requiredMembers(url)) {
    if (body[member] === undefined) fault('parameter_missing', `its body needs '${member}' for ${url}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? '' : `, not ${JSON.stringify(value)}`;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
