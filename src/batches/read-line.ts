// One line of a batch's input: an envelope around an ordinary request body, whose bytes stay as they are.
import { isUtf8 } from 'node:buffer';
import type { BatchFault } from '../contracts/batch.ts';
import { findExcess } from '../protocols/json-bounds.ts';
import { memberBytes } from '../protocols/json-object.ts';
import { faultOfName } from '../protocols/name-fault.ts';
import type { InputLine } from './line-reader.ts';

export interface BatchLine {
  customId: string;
  /** The body as its author wrote it, and parsed. */
  body: Buffer;
  value: Record<string, unknown>;
}

/** Result files repeat it, and every process that runs the batch remembers it. */
const MAX_CUSTOM_ID_CHARS = 512;

export type LineFault = Omit<BatchFault, 'line'>;

/** Codes of `errors.data`: docs/reference/openai-batch.md section 2. */
export function readLine({ bytes }: Pick<InputLine, 'bytes'>, endpoint: string): BatchLine | LineFault {
  if (bytes === null) return fault('line_too_large', 'This line is larger than a request body may be.');
  if (!isUtf8(bytes)) return fault('invalid_json_line', 'This line is not valid UTF-8.');
  const excess = findExcess(bytes);
  if (excess !== null) return fault('invalid_json_line', `This line ${excess}.`);
  let line: Record<string, unknown>;
  try {
    line = JSON.parse(bytes.toString()) as Record<string, unknown>;
  } catch (error) {
    return fault('invalid_json_line', `This line is not parseable as valid JSON: ${(error as Error).message}.`);
  }
  if (!isObject(line)) return fault('invalid_json_line', 'This line is not a JSON object.');
  const { custom_id: customId, method, url, body } = line;
  if (typeof customId !== 'string' || customId === '') {
    return fault('missing_required_parameter', "Missing required parameter: 'custom_id', a text.", 'custom_id');
  }
  const nameFault = faultOfName(customId, MAX_CUSTOM_ID_CHARS);
  if (nameFault !== null) return fault('invalid_value', `'custom_id' must ${nameFault}.`, 'custom_id');
  if (method !== 'POST') return fault('invalid_method', "The method must be 'POST'.", 'method');
  if (url !== endpoint) {
    const said = typeof url === 'string' ? `'${url}'` : 'missing';
    return fault(
      'url_mismatch',
      `The url of this request (${said.slice(0, 200)}) is not the batch's endpoint '${endpoint}'.`,
      'url',
    );
  }
  if (!isObject(body))
    return fault('missing_required_parameter', "Missing required parameter: 'body', an object.", 'body');
  return { customId, body: memberBytes(bytes, 'body')!, value: body };
}

export function isLineFault(line: BatchLine | LineFault): line is LineFault {
  return 'code' in line;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(code: string, message: string, param: string | null = null): LineFault {
  return { code, message, param };
}
