// Reads path and query: `/v1beta/models/{model}:{method}?alt=sse`. All versions are treated alike; npm
// @google/genai 3 asks for v1, older ones for v1beta.
import type { RequestHead } from '../dialect.ts';
import { decodeName } from '../listed-models.ts';
import type { GeminiRequest } from './gemini-request.ts';

const TARGET = /^\/v1(?:alpha|beta)?\/models\/([^:]+):([A-Za-z]+)$/;
const OWN_VERSION = /^\/v1(?:alpha|beta)\//;

export interface MethodTarget {
  model: string;
  method: string;
}

/** Null if the path is not a method of a model. */
export function readTarget(path: string): MethodTarget | null {
  const match = TARGET.exec(path);
  return match === null ? null : { model: decodeName(match[1]!), method: match[2]! };
}

/** Other providers use `/v1/` too: there, Google's clients are recognised by the header of their key. */
export function isGoogles({ path, headers }: RequestHead): boolean {
  if (OWN_VERSION.test(path) || readTarget(path) !== null) return true;
  return path.startsWith('/v1/') && headers['x-goog-api-key'] !== undefined;
}

export function versionOf(path: string): string {
  return path.split('/')[1] ?? '';
}

export function deliveryOf({ path, query }: RequestHead): GeminiRequest['delivery'] {
  if (readTarget(path)?.method !== 'streamGenerateContent') return 'unary';
  const parameters = new URLSearchParams(query);
  return (parameters.get('alt') ?? parameters.get('$alt')) === 'sse' ? 'sse' : 'array';
}
