// Members that requests of all of OpenAI's protocols have.
import { tokensOfBytes } from '../../../../src/protocols/providers/token-estimate.ts';
import { invalid, type RefusalError } from '../../engine/refusal.ts';
import { type Body, readObject } from '../read-fields.ts';

export function readBody(value: unknown): Body {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject) throw invalid('The request body must be a JSON object.');
  return value as Body;
}

export function readModel({ model }: Body): string {
  if (model === undefined) throw invalid('you must provide a model parameter');
  return checkModel(model);
}

export function checkModel(model: unknown): string {
  if (typeof model === 'string' && model !== '') return model;
  throw invalid("Invalid type for 'model': expected a string.", 'model', 'invalid_type');
}

export function readStreamOptions({ stream_options: options }: Body, isStream: boolean): Body {
  if (options === undefined || options === null) return {};
  if (!isStream) {
    throw invalid("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  }
  return readObject(options, 'stream_options');
}

/** The broker's estimate for what is sent with every turn but is not a message (protocols/openai-chat/read-request.ts). */
export function estimateJson(value: unknown): number {
  return value === undefined || value === null ? 0 : tokensOfBytes(JSON.stringify(value).length);
}

export function missing(param: string): RefusalError {
  return invalid(`Missing required parameter: '${param}'.`, param, 'missing_required_parameter');
}

/** @param wanted all accepted values. */
export function unsupported(value: unknown, param: string, wanted: readonly string[]): RefusalError {
  const names = wanted.map((name) => `'${name}'`);
  const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`;
  return invalid(`Invalid value: '${value}'. Supported values are: ${list}.`, param, 'invalid_value');
}
